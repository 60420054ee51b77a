"""Fitted estimators and functions, packed."""
