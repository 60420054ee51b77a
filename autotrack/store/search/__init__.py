"""Searching runs: the filter language, and SQL made of it."""
