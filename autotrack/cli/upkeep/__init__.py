"""Commands that look after a store: `doctor` and `gc`."""
