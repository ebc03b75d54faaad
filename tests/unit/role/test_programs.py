"""Processes of an account are ended, and nobody else's; only root can have some of another's."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host import programs
from python_service.module_utils.python_service.host.programs import Account, end_processes

#: Of nobody: systemd's documentation "Users, Groups, UIDs and GIDs on systemd Systems".
ACCOUNT = Account(61183, 61183)
_CLONE_NEWUSER = 0x10000000
Start = Callable[[Callable[[], object]], int]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="others' processes take root")


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a process that does something and waits; gives its id, when it has done that."""
    started = []

    def begin(does: Callable[[], object]) -> int:
        reading, writing = os.pipe()
        process = os.fork()
        if process == 0:
            with suppress(BaseException):
                does()
                os.write(writing, b"!")
                while True:
                    time.sleep(60)
            os._exit(1)
        os.close(writing)
        started.append(process)
        with open(reading, "rb") as file:
            if file.read(1) != b"!":
                pytest.skip("this machine does not let root do that")
        return process

    yield begin
    for process in started:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(process, 0)


def become(real: int = ACCOUNT.user, effective: int = ACCOUNT.user) -> None:
    os.setresgid(real, effective, effective)
    os.setresuid(real, effective, effective)


def runs(process: int) -> bool:
    return os.waitpid(process, os.WNOHANG) == (0, 0)


def test_all_are_gone_and_those_of_others_stay(start: Start) -> None:
    first, second = start(become), start(become)
    other = start(lambda: become(61182, 61182))
    end_processes(ACCOUNT, "the user demo")
    assert [runs(process) for process in (first, second, other)] == [False, False, True]


def test_one_that_has_the_number_from_a_program_of_the_users_is_the_users(start: Start) -> None:
    process = start(lambda: become(61182, ACCOUNT.user))
    end_processes(ACCOUNT, "the user demo")
    assert not runs(process)


def test_none_gets_away_by_forking(start: Start) -> None:
    reading, writing = os.pipe()

    def fork_for_ever() -> None:
        become()
        if os.fork() == 0:
            end = time.monotonic() + 20  # or it would outlive a test that fails
            while time.monotonic() < end:
                if os.fork():
                    os._exit(0)
            os._exit(0)

    start(fork_for_ever)
    os.close(writing)
    end_processes(ACCOUNT, "the user demo")
    # Its end is open as long as any of them is there.
    assert select.select([reading], [], [], 2)[0]
    os.close(reading)


def test_a_containers_user_of_the_same_number_is_another(start: Start, tmp_path: Path) -> None:
    def enter() -> None:
        os.chroot(tmp_path)
        become()

    contained = start(enter)
    ours = start(become)
    end_processes(ACCOUNT, "the user demo")
    assert (runs(contained), runs(ours)) == (True, False)


def test_one_that_hides_in_a_root_of_its_own_is_found(start: Start, tmp_path: Path) -> None:
    def hide() -> None:
        tmp_path.chmod(0o755)
        become()
        if ctypes.CDLL(None).unshare(_CLONE_NEWUSER) != 0:
            raise PermissionError
        os.chroot("/proc")

    hidden = start(hide)
    end_processes(ACCOUNT, "the user demo")
    assert not runs(hidden)


def test_ones_that_do_not_end_are_named(monkeypatch: pytest.MonkeyPatch, start: Start) -> None:
    process = start(become)
    monkeypatch.setattr(programs, "_END", 0.05)
    monkeypatch.setattr(programs, "run", lambda *_, **__: threading.Event())
    with pytest.raises(ServiceError, match=rf"processes of the user demo do not end: {process};"):
        end_processes(ACCOUNT, "the user demo")


def test_we_do_not_end_ourselves() -> None:
    end_processes(Account(os.geteuid(), os.getegid()), "the user root")
