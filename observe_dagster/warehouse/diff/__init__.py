"""Comparing two tables: the SQL, and the exact comparison."""
