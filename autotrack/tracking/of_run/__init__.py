"""Parts of what a run can be asked for."""
