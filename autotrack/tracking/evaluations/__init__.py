"""Runs of many evaluations: searches and validations."""
