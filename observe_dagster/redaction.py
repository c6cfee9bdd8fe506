"""Hides secrets in texts."""

from collections.abc import Iterable

MASK = "************"


def redact(text: str, secrets: Iterable[str], *, shortest: int = 1) -> str:
    """Replace every secret in a text by the mask, the longest first; one of fewer than `shortest` letters stays."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= shortest:
            text = text.replace(secret, MASK)
    return text
