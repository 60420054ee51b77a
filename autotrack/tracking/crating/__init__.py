"""The crates of runs: made, kept up to date, verified."""
