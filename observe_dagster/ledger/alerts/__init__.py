"""Alerts: open, repeated, resolved."""
