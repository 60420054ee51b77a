"""What is done when scikit-learn is called: a module a kind of call."""
