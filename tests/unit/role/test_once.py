"""Commands that one host of a play runs for all: real processes, as Ansible works at hosts."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders import release
from python_service.module_utils.python_service.controller.once import first_come, turn_of
from python_service.module_utils.python_service.controller.run_cache import RunCache
from python_service.module_utils.python_service.errors import ServiceError

RAN: dict[str, Any] = {"prepared": ["migrate"]}
NOTED: dict[str, Any] = {"prepared": []}


@pytest.fixture
def cache(tmp_path: Path) -> RunCache:
    return RunCache(str(tmp_path / "run"))


class Host:
    """A host of the play; ``log`` has what is done on all of them."""

    def __init__(self, name: str, log: Path, ends: Callable[[], Any] = dict) -> None:
        self.name = name
        self._log = log
        self._ends = ends

    def deploy(self, elsewhere: str | None = None) -> dict[str, Any]:
        if elsewhere:
            raise ServiceError(f"could not be prepared: {elsewhere}", reason=elsewhere)
        if elsewhere is not None:
            return NOTED
        with self._log.open("a") as file:
            file.write(f"{self.name}\n")
        self._ends()
        return RAN


def fail() -> None:
    raise ServiceError("The release of demo could not be prepared: no table", reason="no table")


def in_processes(works: list[Callable[[], object]]) -> list[int]:
    """Do all work at once, each in a process of its own; the statuses with which they end."""
    children = []
    for work in works:
        child = os.fork()
        if child == 0:
            status = 1
            signal.alarm(600)  # one that waits for itself fails here, and hangs no test
            try:
                work()
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def test_of_many_at_once_one_runs_them_and_the_others_wait_for_it(
    cache: RunCache, tmp_path: Path
) -> None:
    log, done = tmp_path / "log", tmp_path / "done"

    def work(name: str) -> Callable[[], object]:
        def perform() -> None:
            host = Host(name, log, done.touch)
            result = first_come(cache, "turn", name, host.deploy)
            assert done.exists()
            assert result in (RAN, NOTED)

        return perform

    assert in_processes([work(str(number)) for number in range(8)]) == [0] * 8
    assert len(log.read_text().split()) == 1


def test_a_later_batch_takes_the_word_of_an_earlier_one(cache: RunCache, tmp_path: Path) -> None:
    hosts = [Host(name, tmp_path / "log") for name in ("web2", "web1", "web3")]
    results = [first_come(cache, "turn", host.name, host.deploy) for host in hosts]
    assert results == [RAN, NOTED, NOTED]
    assert (tmp_path / "log").read_text() == "web2\n"


def test_where_they_failed_the_others_fail_for_the_same_reason(
    cache: RunCache, tmp_path: Path
) -> None:
    first, second = (Host(name, tmp_path / "log", fail) for name in ("web1", "web2"))
    with pytest.raises(ServiceError, match=r"^The release of demo could not be prepared: no table"):
        first_come(cache, "turn", "web1", first.deploy)
    with pytest.raises(ServiceError) as raised:
        first_come(cache, "turn", "web2", second.deploy)
    assert raised.value.facts["reason"] == "on web1: no table"
    assert (tmp_path / "log").read_text() == "web1\n"


def test_where_the_first_is_killed_the_next_runs_them(cache: RunCache, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "running")

    def hang() -> None:
        (tmp_path / "running").write_text("")  # goes on once somebody reads
        signal.pause()

    killed = os.fork()
    if killed == 0:
        try:
            first_come(cache, "turn", "web1", Host("web1", tmp_path / "log", hang).deploy)
        finally:
            os._exit(1)
    (tmp_path / "running").read_text()
    os.kill(killed, signal.SIGKILL)

    def work() -> None:
        host = Host("web2", tmp_path / "log")
        assert first_come(cache, "turn", "web2", host.deploy) == RAN

    assert in_processes([work]) == [0]
    os.waitpid(killed, 0)
    assert (tmp_path / "log").read_text() == "web1\nweb2\n"


def test_what_is_no_word_of_the_host_is_none_for_the_others(
    cache: RunCache, tmp_path: Path
) -> None:
    """As where the connection to it is lost."""

    def lose() -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        first_come(cache, "turn", "web1", Host("web1", tmp_path / "log", lose).deploy)
    host = Host("web2", tmp_path / "log")
    assert first_come(cache, "turn", "web2", host.deploy) == RAN


def test_a_turn_is_of_a_release_and_of_the_hosts_of_a_play() -> None:
    one, other = release(prepare=["python main.py"]), release(prepare=["python main.py x"])
    hosts = {"ansible_play_hosts_all": ["web1", "web2"]}
    assert turn_of(one, hosts) == turn_of(one, {"ansible_play_hosts_all": ["web2", "web1"]})
    turns = {turn_of(one, hosts), turn_of(other, hosts), turn_of(one, {})}
    assert len(turns) == 3
