"""The forms a crate is stored in: pickle with MLflow's files beside it, or skops."""
