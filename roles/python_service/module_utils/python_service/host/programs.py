# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Programs that a step runs on the host, and processes that it ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ..errors import ServiceError
from ..foreign import last_lines, printable

# Operations of prctl(2).
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_LIBC = ctypes.CDLL(None)
#: Seconds after which a program that asks or tells the host something is taken for hung.
LONG = 120.0
#: Seconds that processes take to be gone which were killed.
_END = 60.0
#: Runs the command that it is given where its input ends without a word, or nobody reads its output.
_WATCH = """
import os, select, sys
watched = select.poll()
watched.register(0, select.POLLIN)
watched.register(1, 0)
if 1 in dict(watched.poll()) or not os.read(0, 1):
    os.execvp(sys.argv[1], sys.argv[1:])
"""


class Account(NamedTuple):
    """Numbers of a user and a group that a command is run as, and of the ``others`` of its groups."""

    user: int
    group: int
    others: tuple[int, ...] = ()


def run(
    command: Sequence[str],
    more: Mapping[str, str] | None = None,
    limit: float = LONG,
    account: Account | None = None,
    directory: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command in the C locale, with ``more`` variables, and take its output.

    It is run as we are, or as another ``account``, which then can get no rights
    beyond its own. It is killed when we end, so that a later step never meets it.
    No status is an error here; more than ``limit`` seconds raise `ServiceError`.
    """
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}
    environment.update(more or {})
    try:
        return subprocess.run(
            command,
            env=environment,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="backslashreplace",
            timeout=limit,
            preexec_fn=_end_with_us if account is None else _end_with_us_and_gain_nothing,
            user=account.user if account else None,
            group=account.group if account else None,
            extra_groups=account.others if account else None,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceError(f"{' '.join(command[:3])} did not end within {limit:g} s") from error


def expect_success(result: subprocess.CompletedProcess[str], step: str, advice: str = "") -> str:
    """What a command printed; raises `ServiceError` with ``advice`` and its last words where it failed."""
    if result.returncode == 0:
        return result.stdout
    lines = (result.stdout + result.stderr).strip().splitlines()
    if result.returncode < 0:
        lines.append(f"it was ended by {signal.Signals(-result.returncode).name}")
    words = "\n".join(f"  {line}" for line in last_lines(lines[-25:]))
    raise ServiceError(f"{printable(step)} failed{advice}:\n{words}")


def _end_with_us() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_with_us_and_gain_nothing() -> None:
    _end_with_us()
    _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


@contextlib.contextmanager
def unless_done(command: Sequence[str]) -> Iterator[None]:
    """Run a command if what is done meanwhile does not come to its end.

    It is run where that fails, where we are killed, and where nobody reads any
    more what we print, as when a connection is lost.
    """
    watcher = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _WATCH, *command],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # What ends us and all that we have started is not to end it.
        start_new_session=True,
    )
    try:
        yield
    except BaseException:
        watcher.communicate()
        raise
    watcher.communicate(b"done")


def end_processes(account: Account, whose: str) -> None:
    """Kill all processes of a user's, which are gone when this returns.

    Raises `ServiceError` where they stay; ``whose`` says for it whose they are.
    """
    # Where we are not root, as in tests, the user may be ourselves.
    if account.user == os.geteuid():
        return
    deadline = time.monotonic() + _END
    while True:
        ours, others = _processes_of(account.user)
        # All by one call, which none escapes by forking; but it would reach into containers.
        targets = [str(process) for process in ours] if others else ["-1"]
        # As the user itself: a number that is another's by now is refused.
        run(["sh", "-c", 'kill -s KILL -- "$@"', "sh", *targets], account=account)
        left, _ = _processes_of(account.user)
        if not left:
            return
        if time.monotonic() > deadline:
            raise ServiceError(
                f"processes of {whose} do not end: {', '.join(map(str, left))}; "
                "find out what they wait for, and run this again"
            )
        time.sleep(0.01)


def _processes_of(user: int) -> tuple[list[int], list[int]]:
    """Ids of a user's processes that have not ended: those of this host, and of containers on it."""
    ours: list[int] = []
    others: list[int] = []
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            with open(f"/proc/{name}/status", encoding="utf-8", errors="replace") as file:
                facts = dict(line.split(":", 1) for line in file if ":" in line)
        except OSError:
            continue
        if str(user) in facts["Uid"].split() and facts["State"].split()[0] not in "ZX":
            (others if _is_in_container(name) else ours).append(int(name))
    return ours, others


def _is_in_container(process: str) -> bool:
    """Whether only root can have put a process under the root directory that it has.

    There the same number is another user's. Whoever is not root can change it
    in a user namespace of his own alone: chroot(2), user_namespaces(7).
    """
    try:
        same_root, same_users = (
            os.path.samestat(os.stat(f"/proc/{process}/{part}"), os.stat(f"/proc/self/{part}"))
            for part in ("root", "ns/user")
        )
    except OSError:
        return False  # it is about to end
    return same_users and not same_root
