"""Times as the command line reads and writes them."""

from datetime import UTC, datetime

import click
import pytest

from observe_dagster.service.times import duration, first_moment, in_utc, last_moment, to_the_second

CONTEXT = click.Context(click.Command("any"))
OPTION = click.Option(["--when"])


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2022-07-01T16:00:00Z", datetime(2022, 7, 1, 16, tzinfo=UTC)),
        ("2022-07-01T18:00:00+02:00", datetime(2022, 7, 1, 16, tzinfo=UTC)),
        ("2022-07-01 16:00", datetime(2022, 7, 1, 16, tzinfo=UTC)),
        (" 2022-07-01 ", datetime(2022, 7, 1, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_in_utc_unless_it_names_a_zone(text, read):
    assert first_moment(CONTEXT, OPTION, text) == read


def test_a_date_as_an_end_takes_in_its_whole_day():
    assert last_moment(CONTEXT, OPTION, "2022-07-01") == datetime(2022, 7, 1, 23, 59, 59, 999999, tzinfo=UTC)
    assert last_moment(CONTEXT, OPTION, "2022-07-01T16:00:00Z") == datetime(2022, 7, 1, 16, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "2022-13-01", "16:00", "", "0001-01-01T00:00:00+14:00"])
def test_what_is_not_a_time_is_bad_usage_that_shows_how_to_write_one(text):
    with pytest.raises(click.BadParameter, match="write one such as"):
        first_moment(CONTEXT, OPTION, text)


def test_an_option_that_is_not_given_stays_none():
    assert first_moment(CONTEXT, OPTION, None) is None
    assert last_moment(CONTEXT, OPTION, None) is None


def test_a_time_is_written_as_the_api_document_writes_it():
    assert in_utc(datetime(2023, 10, 25, 18, 11, 57, 321_900, tzinfo=UTC)) == "2023-10-25T18:11:57.321Z"
    assert in_utc(None) is None


def test_a_column_shows_whole_seconds_and_leaves_numbers_and_text_alone():
    assert to_the_second("2023-10-25T18:11:57.321Z") == "2023-10-25T18:11:57Z"
    assert to_the_second("4711") == "4711"
    assert to_the_second(None) == "-"


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        ("2023-10-25T10:00:00.400Z", "0.4 s"),
        ("2023-10-25T10:00:59.000Z", "59 s"),
        ("2023-10-25T10:01:05.000Z", "1 m 05 s"),
        ("2023-10-25T12:02:00.000Z", "2 h 02 m"),
        (None, "-"),
    ],
)
def test_a_duration_is_said_in_the_units_a_reader_thinks_in(ended, said):
    assert duration("2023-10-25T10:00:00.000Z", ended) == said
