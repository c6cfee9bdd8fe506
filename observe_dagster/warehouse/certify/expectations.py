"""How a case ends early: the engine did something else, or does not offer what is asked."""


class CaseFailedError(Exception):
    """The engine did something else than it must; the message has both."""


class NotOfferedError(Exception):
    """The engine's capabilities leave a case out; the message has the reason."""


def require(actual: object, expected: object, what: str) -> None:
    """Fail the case when two values differ; raises CaseFailedError."""
    if actual != expected:
        raise CaseFailedError(f"{what}: expected {_brief(expected)}, got {_brief(actual)}")


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}…"
