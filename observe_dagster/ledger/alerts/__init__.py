"""Alerts and their store."""
