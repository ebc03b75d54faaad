"""What a host notes of a service before anything is made for it, and the accounts that it makes then."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab.fake import FakeHost, Program, make_release

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host.record import (
    Record,
    claim,
    is_claimed,
    read_record,
)
from python_service.module_utils.python_service.layout import Layout

USER, GROUP = ("user", "demo"), ("group", "demo")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout("/opt", "demo", str(tmp_path))


def test_a_service_is_noted_with_the_accounts_that_it_makes(layout: Layout) -> None:
    assert not is_claimed(layout)
    claim(layout, [GROUP, USER])
    assert is_claimed(layout)
    assert read_record(layout) == Record("/opt", ("demo",), ("demo",))


def test_accounts_that_are_made_later_are_noted_beside_the_first(layout: Layout) -> None:
    claim(layout, [GROUP, USER])
    claim(layout, [USER, ("user", "www")])
    assert read_record(layout) == Record("/opt", ("demo", "www"), ("demo",))


def test_a_service_that_is_elsewhere_is_noted_anew(layout: Layout) -> None:
    claim(layout, [USER])
    elsewhere = layout._replace(root="/srv")
    assert not is_claimed(elsewhere)
    claim(elsewhere, [])
    assert read_record(layout) == Record("/srv", ("demo",), ())


class TestAccounts:
    """Those that a deploy makes."""

    def test_check_mode_says_which_and_makes_none(self, host: FakeHost) -> None:
        release = make_release(host, "demo", Program())
        steps = host.deploy(release, check=True)["steps"]
        assert steps[:3] == ["claim", "make group demo", "make user demo"]
        assert host.accounts.made == set()
        assert host.deploy(release)["steps"] == steps
        assert host.accounts.made == {USER, GROUP}

    def test_what_was_there_is_neither_made_nor_the_roles(self, host: FakeHost) -> None:
        host.accounts.made = {GROUP}
        release = make_release(host, "demo", Program())
        assert host.deploy(release)["steps"][:2] == ["claim", "make user demo"]
        assert read_record(host.layout("demo")) == Record("/opt", ("demo",), ())

    def test_one_that_is_gone_is_made_again(self, host: FakeHost) -> None:
        release = make_release(host, "demo", Program())
        host.deploy(release)
        host.accounts.made = {GROUP}
        assert host.deploy(release)["steps"] == ["claim", "make user demo"]

    def test_one_that_cannot_be_made_is_named(
        self, host: FakeHost, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuses(*_: str) -> None:
            raise ServiceError("useradd failed: no room")

        monkeypatch.setattr(host.accounts, "make_user", refuses)
        with pytest.raises(
            ServiceError, match=r"could not be staged(.|\n)*useradd failed: no room"
        ):
            host.deploy(make_release(host, "demo", Program()))
