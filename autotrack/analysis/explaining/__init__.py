"""What runs say of each other and of themselves: why a score changed, a replay, a card."""
