"""scikit-learn's calls, as facts."""
