"""The source of the user's code, and where in it a call stands."""
