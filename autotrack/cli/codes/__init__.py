"""What `autotrack help CODE` prints: `errors.md`, and the catalogue of findings."""
