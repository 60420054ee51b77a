"""Talking to a server of MLflow's: calls, their answers, and what may go wrong."""
