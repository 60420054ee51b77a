"""`autotrack replicate` and `autotrack pull`: the store on MLflow servers, and back."""
