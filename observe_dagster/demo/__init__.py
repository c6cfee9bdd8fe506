"""The example: the real flights of a year out of New York, as a source that changes, and a demo that syncs it."""
