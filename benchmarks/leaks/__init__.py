"""Which leaks are found in workflows with a known leak, and what is found in clean ones."""
