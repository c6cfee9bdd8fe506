"""Assets that are defined elsewhere."""
