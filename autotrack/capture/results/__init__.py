"""What scikit-learn returned, as facts."""
