"""Intervals, bounds and wall clocks of what is declared."""
