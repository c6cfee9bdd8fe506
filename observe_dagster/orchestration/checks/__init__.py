"""Checks as Dagster knows them: their specs, their results, and what evaluates them."""
