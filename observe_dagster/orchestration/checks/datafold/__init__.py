"""Checks that Datafold runs."""
