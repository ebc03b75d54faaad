"""The page of packages is what was run, and of all that is to be run."""

from __future__ import annotations

import packages_table
import pytest
from packages_table import Entry, differences


def test_the_page_has_a_row_for_each_package() -> None:
    names = [package.name for package in packages_table.packages()]
    assert list(packages_table.rows()) == names, "run: python script/lib/packages_table.py"


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ([Entry(3, "x wrong")], []),
        ([Entry(6, "a banner"), Entry(3, "wrong")], []),
        ([Entry(4, "wrong")], ["“wrong” has 4, not 3"]),
        ([Entry(3, "else")], ["no entry with “wrong”"]),
        ([Entry(3, "wrong"), Entry(3, '  File "x"')], ["a traceback is in 2 entries"]),
    ],
)
def test_a_result_says_what_is_not_as_expected(found: list[Entry], wrong: list[str]) -> None:
    assert differences(("3 wrong",), found) == wrong


def test_a_second_entry_has_to_come_for_what_is_expected_twice() -> None:
    assert differences(("3 a", "3 a"), [Entry(3, "a")]) == ["no entry with “a”"]
