"""Names and texts as SQL, where every supported engine quotes them alike."""


def quoted(*parts: str) -> str:
    """A quoted, qualified name."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def string(value: str) -> str:
    """A text as SQL."""
    return "'" + value.replace("'", "''") + "'"
