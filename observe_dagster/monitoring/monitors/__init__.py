"""Datafold's kinds of monitors, run on a connection."""
