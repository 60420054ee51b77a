"""Arguments and options that several commands have, and what a shell completes them with."""
