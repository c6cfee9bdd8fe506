"""Checks on assets that are defined elsewhere."""
