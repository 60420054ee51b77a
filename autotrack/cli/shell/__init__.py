"""The command that has a shell complete all others."""
