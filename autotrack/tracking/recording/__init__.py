"""Which run receives what: fits and scores."""
