"""Models at rest."""
