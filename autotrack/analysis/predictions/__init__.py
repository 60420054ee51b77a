"""What can be told from kept predictions and scores, without fitting anything."""
