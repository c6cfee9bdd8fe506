"""Executions, their lock, their statements and schema changes."""
