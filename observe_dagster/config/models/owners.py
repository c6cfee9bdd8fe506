"""Who answers for something, as Dagster wants it written."""

import re
from typing import Annotated

from pydantic import AfterValidator

_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")


def _team_or_email(owner: str) -> str:
    if not (owner.startswith("team:") and len(owner) > len("team:")) and not _EMAIL.fullmatch(owner):
        raise ValueError(f"{owner!r} is not an owner; write team:name or an e-mail address")
    return owner


Owner = Annotated[str, AfterValidator(_team_or_email)]
"""Who answers for it: `team:name` or an e-mail address, as Dagster wants it."""
