"""How far work is, and a bar that shows it."""
