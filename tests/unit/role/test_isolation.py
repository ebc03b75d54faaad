"""What a host cannot honour is found by trying, once, and goes into a drop-in of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from lab.fake import FakeHost, Program, fake_host, make_release
from lab.fake_systemd import FakeSystemd

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host.decide import Desired
from python_service.module_utils.python_service.host.isolation import on_this_host
from python_service.module_utils.python_service.model import Release

ASKED = "PrivateUsers=yes\nPrivateNetwork=yes\nPrivateIPC=yes\nProtectProc=invisible\n"
DROP_IN = "demo.service.d/python_service-host.conf"


class Host(FakeSystemd):
    """One that cannot start what has all of ``unstartable``, and where ``ineffective`` does nothing."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.unstartable: list[Sequence[str]] = []
        self.ineffective: list[str] = []
        self.tries = 0
        self.kernel = "6.1"
        self.systemd = 252

    def identity(self) -> str:
        return f"{self.systemd} {self.kernel}"

    def version(self) -> int:
        return self.systemd

    def try_settings(self, settings: Sequence[str], command: Sequence[str]) -> str | None:
        self.tries += 1
        names = [setting.partition("=")[0] for setting in settings]
        assert "PrivateIPC" not in names or self.systemd >= 248
        asked, _ours = json.loads(command[-1])
        if any(set(together) <= set(names) for together in self.unstartable):
            return None
        return json.dumps([name for name in asked if name in self.ineffective])


@pytest.fixture
def place() -> Iterator[FakeHost]:
    with fake_host() as host:
        yield host


@pytest.fixture
def systemd(place: FakeHost) -> Host:
    systemd = Host(place.root)
    place.machine = place.machine._replace(systemd=systemd)
    return systemd


def wanted(place: FakeHost, lines: str = ASKED) -> Desired:
    made = make_release(place, "demo", Program())
    units = {
        name: text.replace("[Install]", lines + "[Install]") for name, text in made.units.items()
    }
    release = Release(**{**vars(made), "units": units})
    desired = Desired.of(release, started=True, enabled=True, keep=1)
    return on_this_host(place.layout("demo"), place.machine, desired)


def of_processes(desired: Desired) -> list[str]:
    return [
        name for name in desired.drop_ins if name != "demo.run-.service.d/python_service-host.conf"
    ]


def turned_off(desired: Desired) -> list[str]:
    text = desired.drop_ins.get(DROP_IN, "")
    return [line for line in text.split("\n") if line and line[0] not in "#["]


def test_a_host_that_honours_everything_has_no_drop_in(place: FakeHost, systemd: Host) -> None:
    desired = wanted(place)
    assert (of_processes(desired), desired.not_honoured) == ([], ())


def test_what_is_not_asked_for_is_not_tried(place: FakeHost, systemd: Host) -> None:
    wanted(place, "")
    wanted(place, "PrivateUsers=yes\nPrivateUsers=no\nProcSubset=all\n")
    assert systemd.tries == 0


@pytest.mark.parametrize(
    ("unstartable", "ineffective", "found"),
    [
        ([["PrivateUsers"]], [], ["PrivateUsers=no"]),
        ([["PrivateUsers", "ProtectProc"]], [], ["PrivateUsers=no"]),
        ([["ProtectProc"]], [], ["ProtectProc=default"]),
        (
            [["PrivateUsers"], ["PrivateIPC"]],
            [],
            ["PrivateUsers=no", "PrivateNetwork=no", "PrivateIPC=no"],
        ),
        ([], ["PrivateNetwork"], ["PrivateNetwork=no"]),
        ([["PrivateUsers"]], ["PrivateNetwork"], ["PrivateUsers=no", "PrivateNetwork=no"]),
    ],
    ids=str,
)
def test_what_keeps_a_process_from_starting_or_has_no_effect_is_turned_off(
    place: FakeHost,
    systemd: Host,
    unstartable: list[Sequence[str]],
    ineffective: list[str],
    found: list[str],
) -> None:
    systemd.unstartable, systemd.ineffective = unstartable, ineffective
    desired = wanted(place)
    assert turned_off(desired) == found
    assert list(desired.not_honoured) == sorted(line.partition("=")[0] for line in found)


def test_a_directive_that_systemd_does_not_know_is_named_and_left_alone(
    place: FakeHost, systemd: Host
) -> None:
    systemd.systemd = 247
    desired = wanted(place)
    assert (of_processes(desired), desired.not_honoured) == ([], ("PrivateIPC",))


def test_what_a_unit_has_for_a_newer_systemd_is_added_there(place: FakeHost, systemd: Host) -> None:
    lines = "# From systemd 254 on: RestartSteps=5\n"
    assert of_processes(wanted(place, lines)) == []
    systemd.systemd = 254
    assert turned_off(wanted(place, lines)) == ["RestartSteps=5"]
    assert wanted(place, lines).not_honoured == ()
    assert systemd.tries == 0


def test_where_no_credentials_are_delivered_the_process_reads_the_files(
    place: FakeHost, systemd: Host
) -> None:
    systemd.ineffective = ["LoadCredential"]
    made = make_release(place, "demo", Program(secrets=("key",)))
    layout = place.layout("demo")

    def on_host(release: Release) -> Desired:
        desired = Desired.of(release, started=True, enabled=True, keep=1)
        return on_this_host(layout, place.machine, desired)

    desired = on_host(made)
    directory = f"Environment=CREDENTIALS_DIRECTORY={layout.secrets}"
    assert turned_off(desired) == ["LoadCredential=", directory]
    assert desired.not_honoured == ("LoadCredential",)
    # Whatever they are called, it is tried once.
    on_host(make_release(place, "demo", Program(secrets=("other", "key"))))
    assert systemd.tries == 1
    # One of the user's own is turned off as well: empty, it would say nothing.
    own = wanted(place, "LoadCredential=mine:/etc/mine\n")
    assert turned_off(own) == ["LoadCredential="]


def test_it_is_tried_once_and_again_where_the_kernel_or_systemd_changed(
    place: FakeHost, systemd: Host
) -> None:
    systemd.ineffective = ["PrivateUsers"]
    assert wanted(place).drop_ins == wanted(place).drop_ins
    assert systemd.tries == 1
    systemd.ineffective = []
    systemd.kernel = "6.2"
    assert of_processes(wanted(place)) == []
    assert systemd.tries == 2
    systemd.systemd = 257
    wanted(place)
    assert systemd.tries == 3


def test_a_host_that_starts_nothing_is_refused_and_asked_again(
    place: FakeHost, systemd: Host
) -> None:
    systemd.unstartable = [["User"]]
    with pytest.raises(ServiceError, match="python_service_hardening: off"):
        wanted(place)
    systemd.unstartable = []
    assert wanted(place).not_honoured == ()


def test_the_drop_in_comes_and_goes_with_what_the_host_can_do(
    place: FakeHost, systemd: Host
) -> None:
    made = make_release(place, "demo", Program())
    units = {
        name: text.replace("[Install]", ASKED + "[Install]") for name, text in made.units.items()
    }
    release = Release(**{**vars(made), "units": units})
    systemd.ineffective = ["PrivateUsers"]
    assert place.deploy(release)["not_honoured"] == ["PrivateUsers"]
    installed = Path(place.layout("demo").unit(DROP_IN))
    assert "PrivateUsers=no" in installed.read_text()
    again = place.deploy(release)
    assert (again["changed"], again["not_honoured"]) == (False, ["PrivateUsers"])
    systemd.kernel, systemd.ineffective = "6.2", []
    after = place.deploy(release)
    assert (after["restarted"], after["not_honoured"], installed.exists()) == (True, [], False)
    place.remove("demo")
    assert place.own_units("demo") == {}
