"""Objects, as plain facts."""
