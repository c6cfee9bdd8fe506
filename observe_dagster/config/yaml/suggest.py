"""Finds what a user probably meant."""

import difflib
from collections.abc import Iterable


def closest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known word most like `word`, letters' case aside; None when none is near."""
    by_folded = {name.casefold(): name for name in known}
    matches = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=cutoff)
    return by_folded[matches[0]] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A clause to follow what is wrong: ` (did you mean 'x'?)`, or nothing."""
    name = closest(word, known)
    return f" (did you mean {name!r}?)" if name is not None else ""
