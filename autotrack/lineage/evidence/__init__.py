"""What scored rows have to do with those a model was made from."""
