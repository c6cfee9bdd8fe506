"""The platforms whose SQL can be read."""

_ALSO = {"postgresql": "postgres", "mssql": "tsql", "sqlserver": "tsql", "azuresynapse": "fabric", "": ""}


def known_dialect(platform: str) -> str | None:
    """The name sqlglot knows a platform's SQL by, whatever the case; None for a platform it does not know."""
    from sqlglot.dialects.dialect import Dialects

    word = platform.strip().casefold().replace(" ", "").replace("_", "").replace("-", "")
    word = _ALSO.get(word, word)
    return word if word in {dialect.value for dialect in Dialects} else None
