"""Which model made what is scored, and on which data."""
