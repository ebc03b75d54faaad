"""The page of packages is what was run, and of all that is to be run."""

from __future__ import annotations

import sys
from pathlib import Path

import packages_table
import pytest
from lab import PROJECT
from packages_table import Entry, Package, differences


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
    assert differences(Package("name", "", entries=("3 wrong",)), found) == wrong


def test_a_second_entry_has_to_come_for_what_is_expected_twice() -> None:
    package = Package("name", "", entries=("3 a", "3 a"))
    assert differences(package, [Entry(3, "a")]) == ["no entry with “a”"]


def test_what_shows_progress_has_no_entry_more() -> None:
    package = Package("name", "", kind="shows progress", entries=("4 100%",))
    assert differences(package, [Entry(4, "50%"), Entry(4, "100%")]) == ["1 more entries"]


@pytest.mark.parametrize(
    "name", ["eliot", "logbook", "loguru", "rich", "structlog", "tqdm", "twisted"]
)
def test_what_a_package_writes_has_its_own_level(name: str, tmp_path: Path) -> None:
    [package] = [package for package in packages_table.packages() if package.name == name]
    (tmp_path / "sitecustomize.py").write_text(
        f"import sys; sys.path.append({str(PROJECT / 'roles/python_service/files')!r})\n"
        "from systemd_handler import _auto; _auto.start()\n"
    )
    found = packages_table.entries_of(Path(sys.executable), package, tmp_path)
    assert differences(package, found) == []
