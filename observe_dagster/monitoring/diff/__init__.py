"""Data diffs: two tables or queries compared."""
