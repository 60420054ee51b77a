"""Commands that say what runs are worth: a module a command."""
