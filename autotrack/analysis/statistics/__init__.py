"""Statistics of scores: functions of numbers and arrays, which know nothing of runs."""
