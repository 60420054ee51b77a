"""Tricks with the interpreter, which know nothing of scikit-learn and of runs."""
