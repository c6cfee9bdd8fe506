"""The audit fails for what is found, and never takes silence for an answer."""

import importlib.util

from tests.paths import ROOT

_spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
assert _spec is not None
assert _spec.loader is not None
audit = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(audit)

GOOD = {"name": "good", "version": "1", "vulns": []}
BAD = {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
UNKNOWN = {"name": "unknown", "skip_reason": "not found"}


def test_a_known_vulnerability_fails() -> None:
    assert audit.judge([GOOD, BAD, UNKNOWN]) == ("bad 2: PYSEC-1, mended in 3", 1)


def test_no_vulnerability_passes_and_says_how_much_was_looked_at() -> None:
    text, code = audit.judge([GOOD, UNKNOWN])
    assert (text, code) == ("No known vulnerability in 1 packages, 1 are not known to the service.", 0)


def test_a_service_that_knows_nothing_is_no_clean_bill() -> None:
    text, code = audit.judge([UNKNOWN, UNKNOWN])
    assert code == 0
    assert text.startswith("Nothing was audited")
