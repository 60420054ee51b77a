"""Small plots for a terminal, out of letters."""
