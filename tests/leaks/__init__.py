"""Workflows with a known leak, and clean ones: what findings are held against."""
