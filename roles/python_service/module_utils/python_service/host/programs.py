# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Programs that a step runs on the host."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..errors import ServiceError

# Operations of prctl(2).
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_LIBC = ctypes.CDLL(None)
#: Seconds after which a program that asks or tells the host something is taken for hung.
LONG = 120.0


class Account(NamedTuple):
    """Numbers of a user and a group that a command is run as, and of no other group."""

    user: int
    group: int


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
            extra_groups=[] if account else None,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceError(f"{' '.join(command[:3])} did not end within {limit:g} s") from error


def _end_with_us() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_with_us_and_gain_nothing() -> None:
    _end_with_us()
    _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
