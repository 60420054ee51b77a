"""What answers a request: a module a kind of page."""
