"""What a removal takes, and what it leaves because the role did not make it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lab.fake import FakeHost, Program, make_release
from lab.promises import expect_gone, expect_nothing_runs

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host import record
from python_service.module_utils.python_service.layout import Layout


@pytest.fixture
def layout(host: FakeHost) -> Layout:
    """A service that runs and has stored something."""
    host.deploy(make_release(host, "demo", Program(), Program(name="job", timer="daily")))
    host.write_data("demo")
    return host.layout("demo")


def test_it_is_said_before_what_goes(host: FakeHost, layout: Layout) -> None:
    before = host.picture("demo")
    for data in (False, True):
        predicted = host.remove("demo", data=data, check=True)
        assert host.picture("demo") == before
        assert layout.unit("demo-job.timer") in predicted
        assert (layout.data[0] in predicted) == data
        assert (layout.record in predicted) == data
    assert host.remove("demo", data=True) == predicted
    expect_gone(host, "demo", data=True)


def test_data_stay_and_no_account_owns_them(host: FakeHost, layout: Layout) -> None:
    host.remove("demo")
    expect_gone(host, "demo", data=False)
    assert host.remove("demo") == []
    assert host.events("demo")[-1]["what"] == "remove"


def test_data_that_stayed_can_go_later(host: FakeHost, layout: Layout) -> None:
    host.remove("demo")
    assert layout.data[0] in host.remove("demo", data=True)
    expect_gone(host, "demo", data=True)


def test_empty_directories_of_data_go_with_the_service(host: FakeHost, layout: Layout) -> None:
    Path(layout.data[0], "precious").unlink()
    Path(layout.data[1]).mkdir(parents=True)
    host.remove("demo")
    assert not any(os.path.exists(path) for path in layout.data)
    assert not os.path.exists(layout.record)


def test_what_somebody_else_put_there_stays(host: FakeHost, layout: Layout) -> None:
    Path(layout.base, "mine").touch()
    host.remove("demo", data=True)
    assert os.listdir(layout.base) == ["mine"]


def test_nothing_is_removed_of_a_service_that_is_not_the_roles(host: FakeHost) -> None:
    Path(host.layout("theirs").base).mkdir(parents=True)
    assert host.remove("theirs", data=True) == []
    assert os.path.isdir(host.layout("theirs").base)


def test_a_unit_that_is_not_the_roles_any_more_is_refused(host: FakeHost, layout: Layout) -> None:
    Path(layout.unit("demo.service")).write_text("[Service]\n")
    before = host.picture("demo")
    with pytest.raises(ServiceError, match=r"demo\.service is no longer the role's"):
        host.remove("demo")
    assert host.picture("demo") == before


def test_what_runs_without_a_unit_file_is_stopped(host: FakeHost, layout: Layout) -> None:
    os.unlink(layout.unit("demo.service"))
    host.systemd.control("daemon-reload")
    host.remove("demo")
    assert "demo.service" not in host.running_units("demo")


def test_a_service_that_was_only_claimed_goes(host: FakeHost) -> None:
    layout = host.layout("demo")
    record.claim(layout, ["demo"], [])
    host.accounts.made.add(("user", "demo"))
    assert host.remove("demo") == ["user demo", layout.record]
    expect_nothing_runs(host, "demo")


class TestSharedAccount:
    """Two services that run as one account."""

    @pytest.fixture
    def other(self, host: FakeHost, layout: Layout) -> Layout:
        host.deploy(make_release(host, "other", Program()))
        path = Path(host.layout("other").unit("other.service"))
        path.write_text(path.read_text() + "User=demo\nGroup=demo\n")
        return host.layout("other")

    def test_it_stays_with_the_one_that_stays(
        self, host: FakeHost, layout: Layout, other: Layout
    ) -> None:
        assert not [one for one in host.remove("demo", data=True) if one.startswith("user")]
        assert host.accounts.exists("user", "demo")
        assert host.accounts.exists("group", "demo")

    def test_and_goes_with_the_last(self, host: FakeHost, layout: Layout, other: Layout) -> None:
        host.remove("demo", data=True)
        noted = record.read_record(other)
        assert noted
        assert (noted.users, noted.groups) == (("other", "demo"), ("other", "demo"))
        host.remove("other", data=True)
        assert not host.accounts.made

    def test_a_service_of_somebody_else_keeps_it_and_is_given_nothing(
        self, host: FakeHost, layout: Layout
    ) -> None:
        Path(layout.unit("theirs.service")).write_text("[Service]\nUser=demo\n")
        host.remove("demo", data=True)
        assert host.accounts.made == {("user", "demo")}
        assert os.listdir(layout.records) == []


def test_a_record_that_cannot_be_read_is_named_with_what_it_should_hold(
    host: FakeHost, layout: Layout
) -> None:
    Path(layout.record).write_text("{}")
    with pytest.raises(ServiceError, match=r"demo\.json cannot be read .*it should hold"):
        host.remove("demo")
