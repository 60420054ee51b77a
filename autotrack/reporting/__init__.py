"""What leaves the store: files to send, stores to carry, pages beside a notebook."""
