"""Values, compared and computed again."""
