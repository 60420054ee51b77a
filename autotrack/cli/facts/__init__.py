"""What commands print as JSON: plain values of what they print as tables."""
