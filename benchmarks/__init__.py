"""What tracking costs, measured beside bare scikit-learn and MLflow: ``python -m benchmarks``."""
