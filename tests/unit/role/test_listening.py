"""What keeps systemd from listening for a service, found before anything is touched."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lab.fake import FakeHost, Program, make_release

from python_service.module_utils.python_service.host import listening
from python_service.module_utils.python_service.host.decide import Observed, ObservedUnit
from python_service.module_utils.python_service.host.listening import listening_problems


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def problems(host: FakeHost, *addresses: str, observed: Observed | None = None) -> list[str]:
    """What is found of a release whose main process listens there."""
    release = make_release(host, "demo", Program(socket=addresses[0]))
    lines = "".join(f"ListenStream={address}\n" for address in addresses)
    units = {**release.units, "demo.socket": f"[Socket]\n{lines}"}
    release = replace(release, units=units)
    return [*listening_problems(host.layout("demo"), release, observed or Observed())]


def test_a_port_that_is_free(host: FakeHost, taken: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    assert problems(host, f"127.0.0.1:{free}") == []
    assert problems(host, f"127.0.0.2:{taken}") == []


@pytest.mark.parametrize("address", ["{}", "127.0.0.1:{}", "0.0.0.0:{}", "[::]:{}"])
def test_a_port_that_somebody_has(host: FakeHost, taken: int, address: str) -> None:
    (said,) = problems(host, address.format(taken))
    assert said.startswith(f"python_service_listen: port {taken}")
    assert f"is taken by {Path('/proc/self/comm').read_text().strip()} (PID {os.getpid()}" in said


def test_a_port_of_a_further_process(host: FakeHost, taken: int) -> None:
    web = Program(name="web", socket=f"127.0.0.1:{taken}")
    release = make_release(host, "demo", Program(), web)
    (said,) = listening_problems(host.layout("demo"), release, Observed())
    assert said.startswith("python_service_processes.web.listen: port")


def test_one_that_the_service_itself_has_gives_way(
    host: FakeHost, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def own(_inode: str) -> Iterator[listening._Holder]:
        yield listening._Holder(os.getpid(), "python", "demo.service")

    monkeypatch.setattr(listening, "_holders", own)
    observed = Observed(units={"demo.service": ObservedUnit()})
    assert problems(host, f"127.0.0.1:{taken}", observed=observed) == []
    assert problems(host, f"127.0.0.1:{taken}") != []


def test_one_that_systemd_has_for_the_service_already(host: FakeHost, taken: int) -> None:
    text = f"[Socket]\nListenStream=127.0.0.1:{taken}\n"
    there = Observed(units={"demo.socket": ObservedUnit(text=text, state="active")})
    assert problems(host, str(taken), observed=there) == []
    closed = Observed(units={"demo.socket": ObservedUnit(text=text, state="failed")})
    assert problems(host, str(taken), observed=closed) != []


def test_an_address_that_the_host_has_not(host: FakeHost) -> None:
    (said,) = problems(host, "203.0.113.7:8000")
    assert "203.0.113.7 is no address of this host" in said


def test_a_path_where_others_can_write(host: FakeHost, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    (said,) = problems(host, f"{tmp_path}/demo.sock")
    assert f"{tmp_path} can be written by others than root, who could replace the socket" in said


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Directories of tests lie below those that everyone can write."""
    monkeypatch.setattr(listening, "weakness", lambda *_: None)


@pytest.mark.usefixtures("trusted")
def test_a_path_of_something_else(host: FakeHost, tmp_path: Path) -> None:
    (tmp_path / "demo.sock").write_text("")
    (said,) = problems(host, f"{tmp_path}/demo.sock")
    assert "demo.sock exists and is no socket" in said


@pytest.mark.usefixtures("trusted")
def test_a_path_that_somebody_listens_at(host: FakeHost, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{tmp_path}/demo.sock")
        assert problems(host, f"{tmp_path}/demo.sock") == []  # systemd removes it
        server.listen()
        (said,) = problems(host, f"{tmp_path}/demo.sock")
        assert f"{tmp_path}/demo.sock is taken by" in said
