"""What recorded runs say: scores and their errors, findings, held-out sets, explanations, cards.

Everything here reads records and knows nothing of fits that are under way.
"""
