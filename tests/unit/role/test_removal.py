"""What a removal takes, and what it leaves because the role did not make it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
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


def test_a_directory_for_sockets_goes_that_systemd_was_told_to_keep(host: FakeHost) -> None:
    release = make_release(host, "demo", Program())
    units = {"demo.service": release.units["demo.service"] + "RuntimeDirectory=demo\n"}
    host.deploy(replace(release, units=units))
    sockets = Path(host.layout("demo").sockets)
    sockets.mkdir(parents=True)
    host.remove("demo")
    assert not sockets.exists()


def test_a_directory_in_run_of_somebody_else_stays(host: FakeHost, layout: Layout) -> None:
    sockets = Path(layout.sockets)
    sockets.mkdir(parents=True)
    os.chown(sockets, 65534, -1)
    host.remove("demo")
    assert sockets.exists()


def test_what_somebody_else_put_there_stays(host: FakeHost, layout: Layout) -> None:
    Path(layout.base, "mine").touch()
    host.remove("demo", data=True)
    assert os.listdir(layout.base) == ["mine"]


def test_a_script_that_somebody_else_put_in_place_of_the_roles_stays(
    host: FakeHost, layout: Layout
) -> None:
    Path(layout.run).write_text("#!/bin/sh\n")
    predicted = host.remove("demo", data=True, check=True)
    assert host.remove("demo", data=True) == predicted
    assert host.warnings == [f"these stay, which the role did not make: {layout.run}"]
    assert os.listdir(layout.base) == ["run"]


def test_commands_that_run_are_ended(host: FakeHost, layout: Layout) -> None:
    unit = host.systemd.run_command("demo")
    host.remove("demo")
    assert host.systemd.unit(unit).state == "inactive"


@pytest.mark.parametrize("where", ["releases", "environments"])
@pytest.mark.parametrize("name", ["notes", ".hidden", "0123456789ab.old", "0123456789AB"])
def test_what_somebody_else_put_among_the_releases_stays(
    host: FakeHost, layout: Layout, where: str, name: str
) -> None:
    theirs = Path(layout.base, where, name)
    theirs.mkdir()
    predicted = host.remove("demo", data=True, check=True)
    assert host.remove("demo", data=True) == predicted
    assert host.warnings == [f"these stay, which the role did not make: {theirs}"]
    assert os.listdir(layout.base) == [where]
    assert os.listdir(theirs.parent) == [name]
    assert host.remove("demo", data=True) == []


def test_what_stays_among_the_releases_may_be_mounted(host: FakeHost, layout: Layout) -> None:
    theirs = Path(layout.releases, "notes")
    theirs.mkdir()
    Path(host.root, "proc/self").mkdir(parents=True)
    Path(host.root, "proc/self/mountinfo").write_text(
        f"22 1 0:20 / {theirs} rw - ext4 /dev/sda rw\n"
    )
    host.remove("demo", data=True)
    assert os.listdir(layout.releases) == ["notes"]


@pytest.mark.parametrize("where", ["releases", "environments"])
def test_what_somebody_else_put_among_the_releases_is_not_pruned(
    host: FakeHost, layout: Layout, where: str
) -> None:
    theirs = [Path(layout.base, where, name) for name in ("notes", ".hidden", "0123456789ab.old")]
    for path in theirs:
        path.mkdir()
    for number in "23":
        release = make_release(host, "demo", Program(), source=number, venv_of=number)
        host.deploy(release, keep=1)
    assert all(path.is_dir() for path in theirs)
    assert host.deploy(release, keep=1)["steps"] == []


def test_it_is_not_said_that_data_and_their_history_stay(host: FakeHost, layout: Layout) -> None:
    host.remove("demo")
    assert host.warnings == []


class TestMounted:
    """File systems that an administrator mounted among what is the service's."""

    @pytest.fixture
    def mount(self, host: FakeHost) -> Callable[[str], None]:
        def mounted(path: str) -> None:
            point = path.replace("\\", "\\134").replace(" ", "\\040")
            table = Path(host.root, "proc/self/mountinfo")
            table.parent.mkdir(parents=True, exist_ok=True)
            table.write_text(f"22 1 0:20 / {point} rw,relatime shared:2 - ext4 /dev/sda rw\n")

        return mounted

    @pytest.mark.parametrize("data", [False, True])
    @pytest.mark.parametrize("of", ["data", "releases"])
    def test_one_below_is_refused_before_anything_is_touched(
        self, host: FakeHost, layout: Layout, mount: Callable[[str], None], of: str, *, data: bool
    ) -> None:
        (release,) = os.listdir(layout.releases)
        where = layout.data[0] if of == "data" else layout.release(release)
        mount(f"{where}/the share\\")
        before = host.picture("demo")
        for check in (True, False):
            with pytest.raises(ServiceError, match=r"is mounted at .*/the share\\, .* unmount it"):
                host.remove("demo", data=data, check=check)
        assert host.picture("demo") == before

    def test_data_on_one_of_their_own_can_stay_and_do_not_go(
        self, host: FakeHost, layout: Layout, mount: Callable[[str], None]
    ) -> None:
        mount(layout.data[0])
        with pytest.raises(ServiceError, match="a file system is mounted at"):
            host.remove("demo", data=True)
        host.remove("demo")
        expect_gone(host, "demo", data=False)

    @pytest.mark.parametrize("of", ["data", "releases"])
    def test_one_beside_is_no_hindrance(
        self, host: FakeHost, layout: Layout, mount: Callable[[str], None], of: str
    ) -> None:
        mount(f"{layout.data[0]}-other" if of == "data" else f"{layout.base}-other")
        host.remove("demo", data=True)
        expect_gone(host, "demo", data=True)


class TestPrivateDirectories:
    """Data of a service with DynamicUser=, which systemd puts where only root can enter."""

    @pytest.fixture
    def private(self, layout: Layout) -> list[Path]:
        places = []
        for link in map(Path, layout.data):
            place = link.parent / "private" / "demo"
            place.mkdir(parents=True)
            if link.exists():
                place.rmdir()
                link.rename(place)
            link.symlink_to("private/demo")
            places.append(place)
        return places

    def test_data_stay_and_empty_ones_go(
        self, host: FakeHost, layout: Layout, private: list[Path]
    ) -> None:
        host.accounts.owned = {("user", "demo", str(private[0]))}
        predicted = host.remove("demo", check=True)
        assert host.remove("demo") == predicted
        assert [path.exists() for path in private] == [True, False, False]
        assert [os.path.lexists(path) for path in layout.data] == [True, False, False]
        assert os.listdir(layout.data[0]) == ["precious"]
        assert host.accounts.owned == set()
        assert record.read_record(layout) == record.Record("/opt")

    def test_data_go_if_wanted(self, host: FakeHost, layout: Layout, private: list[Path]) -> None:
        predicted = host.remove("demo", data=True, check=True)
        assert str(private[0]) in predicted
        assert host.remove("demo", data=True) == predicted
        assert not any(os.path.lexists(path) for path in [*map(str, private), *layout.data])
        assert host.warnings == []

    def test_a_link_to_one_that_is_gone_goes(
        self, host: FakeHost, layout: Layout, private: list[Path]
    ) -> None:
        private[1].rmdir()
        host.remove("demo")
        assert not os.path.lexists(layout.data[1])


@pytest.mark.parametrize("target", ["../../elsewhere", "private/other", "private", "private/demo/"])
@pytest.mark.parametrize("data", [False, True])
def test_a_link_to_elsewhere_stays_and_nothing_there_is_touched(
    host: FakeHost, layout: Layout, target: str, *, data: bool
) -> None:
    link = Path(layout.data[1])
    elsewhere = link.parent / target
    elsewhere.mkdir(parents=True)
    (elsewhere / "theirs").touch()
    link.symlink_to(target)
    host.accounts.owned = {("user", "demo", str(link)), ("user", "demo", str(elsewhere))}
    owned = set(host.accounts.owned)
    predicted = host.remove("demo", data=data, check=True)
    assert host.remove("demo", data=data) == predicted
    assert os.readlink(link) == target
    assert os.listdir(elsewhere) == ["theirs"]
    assert host.accounts.owned == owned
    assert (
        f"{link} stays: it is a link that the role did not make, to {target};" in host.warnings[0]
    )


def test_what_is_stored_while_the_service_stops_stays_and_gets_an_owner(
    host: FakeHost, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(layout.data[0], "precious").unlink()
    control = host.systemd.control

    def last_words(action: str, units: Sequence[str] = ()) -> None:
        control(action, units)
        if action == "stop":
            host.write_data("demo")

    monkeypatch.setattr(host.systemd, "control", last_words)
    assert layout.record not in host.remove("demo")
    expect_gone(host, "demo", data=False)


def test_processes_of_the_account_end_before_its_files_change_hands(
    host: FakeHost, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(
        host.accounts,
        "end_processes",
        lambda user: seen.append((user, host.running_units("demo"), len(host.accounts.owned))),
    )
    host.remove("demo", check=True)
    assert seen == []
    host.remove("demo")
    assert seen == [("demo", set(), 2)]


def test_a_group_that_is_a_users_first_one_stays(host: FakeHost, layout: Layout) -> None:
    host.accounts.shared.add(("group", "demo", "admin"))
    predicted = host.remove("demo", data=True, check=True)
    assert host.remove("demo", data=True) == predicted
    assert host.accounts.made == {("group", "demo")}
    assert host.warnings == [
        "the group demo stays: it is used by the user admin; remove it by hand when nobody needs it"
    ]


def test_a_user_whose_number_is_anothers_stays_with_what_runs_as_it(
    host: FakeHost, layout: Layout
) -> None:
    host.accounts.shared.add(("user", "demo", "root"))
    host.remove("demo", data=True)
    assert ("user", "demo") in host.accounts.made
    assert host.accounts.ended == []
    assert "the user demo stays: it is used by the user root" in host.warnings[0]


def test_units_of_others_that_cannot_be_read_are_no_hindrance(
    host: FakeHost, layout: Layout
) -> None:
    units = Path(layout.units)
    (units / "binary.service").write_bytes(b"[Service]\nUser=\xff\n")
    (units / "directory.service").mkdir()
    (units / "nowhere.service").symlink_to("/nowhere/at/all")
    (units / "loop.service").symlink_to("loop.service")
    os.mkfifo(units / "pipe.service")
    host.remove("demo", data=True)
    expect_gone(host, "demo", data=True)


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
    record.claim(layout, [("user", "demo")])
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
        Path(layout.unit("theirs.service")).write_text("[Service]\n User = demo \n")
        host.remove("demo", data=True)
        # Its group is the user's first one.
        assert host.accounts.made == {("user", "demo"), ("group", "demo")}
        assert "the user demo stays: it is used by theirs.service" in host.warnings[0]
        assert os.listdir(layout.records) == []


def test_a_record_that_cannot_be_read_is_named_with_what_it_should_hold(
    host: FakeHost, layout: Layout
) -> None:
    Path(layout.record).write_text("{}")
    with pytest.raises(ServiceError, match=r"demo\.json cannot be read .*it should hold"):
        host.remove("demo")
