"""Which transformers data went through outside of a model."""
