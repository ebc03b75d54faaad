"""What a host notes of a service before anything is made for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab.fake import FakeHost

from python_service.library import python_service_claim
from python_service.module_utils.python_service.host.record import Record, claim, read_record
from python_service.module_utils.python_service.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout("/opt", "demo", str(tmp_path))


def test_a_service_is_noted_once(layout: Layout) -> None:
    assert claim(layout, ["demo"], ["demo"])
    assert read_record(layout) == Record("/opt", ("demo",), ("demo",))
    assert not claim(layout, ["demo"], ["demo"])
    assert not claim(layout, [], [])


def test_accounts_that_are_made_later_are_noted_beside_the_first(layout: Layout) -> None:
    claim(layout, ["demo"], ["demo"])
    assert claim(layout, ["www"], [])
    assert read_record(layout) == Record("/opt", ("demo", "www"), ("demo",))


def test_check_mode_says_the_same_and_notes_nothing(layout: Layout, tmp_path: Path) -> None:
    assert claim(layout, ["demo"], [], check=True)
    assert list(tmp_path.iterdir()) == []
    claim(layout, ["demo"], [])
    # An account that is made once more was noted when it was first made.
    assert not claim(layout, ["demo"], [], check=True)


@pytest.mark.parametrize("check", [True, False])
def test_what_somebody_made_since_the_host_was_looked_at_is_not_the_roles(
    host: FakeHost, *, check: bool
) -> None:
    host.accounts.made = {("user", "demo")}
    given = {"name": "demo", "root": "/opt", "users": ["demo"], "groups": ["demo"]}
    made = python_service_claim.claim(given, check, host.machine)
    assert made == {"changed": True, "users": [], "groups": ["demo"]}
    noted = read_record(host.layout("demo"))
    assert noted == (None if check else Record("/opt", (), ("demo",)))
