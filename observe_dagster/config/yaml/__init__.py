"""YAML with positions, templates and suggestions."""
