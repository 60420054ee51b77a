"""Calls inside of calls, in whichever thread, process or worker."""
