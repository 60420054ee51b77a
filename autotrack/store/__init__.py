"""Runs at rest: SQLite for what is known of them, a folder for their files."""
