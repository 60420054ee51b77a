"""What data and scores are called in keys."""
