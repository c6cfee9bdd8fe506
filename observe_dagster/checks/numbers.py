"""How checks write numbers for people."""


def number(value: float) -> str:
    """Write a number: whole numbers whole, others to four digits that matter."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.4g}"


def some(count: int, one: str, many: str | None = None) -> str:
    """Write how many of something there are, in the singular or the plural."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
