"""What a model takes, and whether new data is that."""
