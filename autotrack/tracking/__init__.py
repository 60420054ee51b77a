"""Facts, as runs."""
