"""Pages of the store in a browser, for `autotrack ui` alone."""
