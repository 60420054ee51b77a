"""Whether a crate says elsewhere what it said at packing."""
