"""What pages show, read from the store as plain values; knows nothing of requests."""
