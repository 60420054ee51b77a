"""Requests, as rows for a model."""
