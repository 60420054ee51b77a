"""Predictions that are kept on request, written while evaluations finish."""
