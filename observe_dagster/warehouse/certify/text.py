"""Texts arrive as they are."""

from observe_dagster.datatypes import Kind
from observe_dagster.warehouse.certify.cases import case
from observe_dagster.warehouse.certify.expectations import NotOfferedError, require
from observe_dagster.warehouse.certify.round_trip import round_trip, round_trip_or_quarantine
from observe_dagster.warehouse.certify.trial import Trial
from observe_dagster.warehouse.certify.values import ID, field

_LONG = 1_000_000


@case
def text_arrives_in_every_script(trial: Trial) -> str:
    """With signs outside the basic plane, combining ones and every sort of quote, and line breaks and tabs."""
    texts = [
        "naïve 日本 \U0001f600",
        "e\u0301",
        'it\'s "so" `too`',
        "a\\b \\N \\x00",
        "a\tb\r\nc",
        "%s ? :x {} $1",
        "–",
    ]
    return round_trip(trial, [Kind.TEXT], texts)


@case
def an_empty_text_is_not_null(trial: Trial) -> str:
    """Nor are spaces taken off."""
    round_trip(trial, [Kind.TEXT], ["", " ", "  padded  ", "NULL", "null"])
    empty = trial.ask(f"{trial.select([ID])} WHERE {trial.dialect.quote('value')} = ''")
    require(len(empty), 1, "rows whose text is empty")
    return "'', ' ', 'NULL' and NULL are four values"


@case
def a_text_of_a_million_letters_arrives(trial: Trial) -> str:
    """Or one as long as the capabilities state."""
    longest = min(trial.capabilities.longest_text_bytes or _LONG, _LONG)
    text = ("0123456789" * (longest // 10 + 1))[:longest]
    return f"{round_trip(trial, [Kind.TEXT], [text, 'ü' * (longest // 2)])}, {longest} bytes long"


@case
def a_text_longer_than_the_engine_keeps_arrives_or_is_quarantined(trial: Trial) -> str:
    """It is never cut."""
    longest = trial.capabilities.longest_text_bytes
    if longest is None:
        raise NotOfferedError("longest_text_bytes: the capabilities state no limit")
    return round_trip_or_quarantine(trial, Kind.TEXT, ["x" * (longest + 1), "short"])


@case
def a_text_with_a_nul_character_arrives_or_is_quarantined(trial: Trial) -> str:
    """It is never cut at that character."""
    return round_trip_or_quarantine(trial, Kind.TEXT, ["a\x00b", "\x00", "fine"])


@case
def texts_that_differ_in_case_or_accents_are_different_keys(trial: Trial) -> str:
    """Keys are compared by their bytes, whatever the database's collation."""
    fields = [field("id", Kind.TEXT)]
    rows = [("straße",), ("STRASSE",), ("Straße",), ("é",), ("e\u0301",), ("e",), ("a",), ("a ",)]
    counts = trial.load(fields, rows)
    trial.require_counts(counts, total_rows=len(rows), inserts=len(rows))
    trial.require_counts(trial.load(fields, rows), total_rows=len(rows), unchanged=len(rows))
    trial.require_rows(fields, rows)
    return f"{len(rows)} keys"
