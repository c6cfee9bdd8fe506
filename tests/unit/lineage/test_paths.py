"""Paths of tables and columns as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observe_dagster.config.models.paths import parse_path, path_text


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (("db", "schema", "table", "column"), "db.schema.table.column"),
        (("db", "my_schema", "www.mysite.com visits", "visit.id"), 'db.my_schema."www.mysite.com visits"."visit.id"'),
        (("Db", 'a"b'), 'Db."a""b"'),
        (("", "x"), '"".x'),
    ],
)
def test_a_path_is_written_as_the_document_writes_it(parts, text):
    assert path_text(parts) == text
    assert parse_path(text) == parts


@pytest.mark.parametrize("text", ["", ".", "a.", "a..b", '"a', '"a"b', 'a"b.'])
def test_what_is_no_path_is_refused(text):
    with pytest.raises(ValueError, match=r"is no path; write db\.schema\.table"):
        parse_path(text)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_every_path_is_read_as_it_was_written(parts):
    assert parse_path(path_text(parts)) == tuple(parts)
