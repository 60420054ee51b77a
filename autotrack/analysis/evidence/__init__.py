"""What a score is worth: kinds of findings, how they are told, what held-out sets judged."""
