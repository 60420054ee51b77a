"""Whether a store is whole, and what in it nobody needs any more."""
