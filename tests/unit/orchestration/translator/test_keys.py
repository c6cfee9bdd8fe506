"""Names in Dagster: safe for every id, and never shared by two."""

import string

from dagster._core.definitions.utils import check_valid_name
from hypothesis import given
from hypothesis import strategies as st

from observe_dagster.orchestration.translator.keys import op_name, safe_group, safe_names, schedule_name, scoped

_IDS = st.lists(st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=20), unique=True, max_size=20)


@given(_IDS)
def test_every_id_has_a_valid_name_of_its_own(ids):
    names = safe_names(ids)

    assert len(set(names.values())) == len(ids)
    for name in names.values():
        check_valid_name(op_name(name))
        check_valid_name(schedule_name(name))


@given(_IDS)
def test_names_do_not_depend_on_the_order_of_declaration(ids):
    assert safe_names(ids) == safe_names(reversed(ids))


def test_an_id_that_is_a_name_keeps_it_and_the_other_gets_a_digest():
    names = safe_names(["a_b", "a-b", "c-d"])

    assert (names["a_b"], names["c-d"]) == ("a_b", "c_d")
    assert names["a-b"].startswith("a_b_")


def test_a_group_has_only_letters_digits_and_underscores():
    assert safe_group("sales 2024-März") == "sales_2024_M_rz"


def test_a_scope_is_part_of_the_name_of_what_is_shared():
    assert (scoped("sync", ""), scoped("sync", "sales/eu[1]")) == ("sync", "warehouse_sync_sales_eu_1_")
