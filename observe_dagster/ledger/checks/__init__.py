"""Inputs, results and current status of checks."""
