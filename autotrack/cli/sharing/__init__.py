"""Commands that carry runs elsewhere, or bring them here."""
