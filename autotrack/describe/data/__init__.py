"""Data, as plain facts."""
