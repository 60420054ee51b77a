"""Stores joined: what another one holds is checked, and then taken over in one transaction."""
