# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Make a release the one that runs: its units, the start, and the proof that it is up.

What has to be done is found by looking at the host each time, never by
remembering what an earlier step changed: a run that was cut off is finished by
the next one.
"""

from __future__ import annotations

import os
import struct
import tempfile
import time
from collections.abc import Mapping
from typing import NamedTuple

from .python_service_host import UNITS, Layout, read, run, show, write

#: Field of the journal, and of systemd's own record, that names the release of an invocation.
RELEASE_FIELD = "PYTHON_SERVICE_RELEASE"
#: Seconds that a service without readiness has to stay up before it counts as started.
SETTLE = 3.0
#: Where PID 1 leaves what journald has to know of each invocation.
SYSTEMD_RECORDS = "/run/systemd/units"
_STATUS = (
    "ActiveState",
    "SubState",
    "Result",
    "ExecMainCode",
    "ExecMainStatus",
    "MainPID",
    "InvocationID",
    "Type",
)


class ActivationError(Exception):
    """A release that systemd refused, or that did not come up; says why, with the journal's words."""


class Wanted(NamedTuple):
    """What should be so. ``units`` are the texts of the release's unit files by name."""

    release: str
    units: Mapping[str, str]
    started: bool
    enabled: bool


class Plan(NamedTuple):
    """What has to be done for it to be so; all false where it is so already."""

    units: dict[str, tuple[str, str]]  # by name: the text that is installed, the wanted one
    reload: bool
    start: bool
    restart: bool
    stop: bool
    enable: bool
    disable: bool
    link: bool

    @property
    def empty(self) -> bool:
        return not any(self)


def plan(layout: Layout, wanted: Wanted) -> Plan:
    """Compare the host with what is wanted."""
    units = {}
    for name, text in wanted.units.items():
        installed = read(os.path.join(UNITS, name)) or ""
        if installed != text:
            units[name] = (installed, text)
    status = show(layout.unit, "ActiveState", "NeedDaemonReload")
    up = status["ActiveState"] in ("active", "activating", "reloading", "deactivating")
    right = running_release(layout.unit) == wanted.release
    is_enabled = run(["systemctl", "is-enabled", layout.unit]).stdout.strip() == "enabled"
    return Plan(
        units=units,
        reload=bool(units) or status["NeedDaemonReload"] == "yes",
        start=wanted.started and not up,
        restart=wanted.started and up and not right,
        stop=not wanted.started and up,
        enable=wanted.enabled and not is_enabled,
        disable=not wanted.enabled and is_enabled,
        link=layout.current_release() != wanted.release,
    )


def activate(layout: Layout, wanted: Wanted, steps: Plan) -> list[str]:
    """Carry out a plan; returns what systemd warned of.

    Raises `ActivationError` before anything is changed when systemd refuses the
    units, and after the start when the service does not come up.
    """
    warnings = _verify(steps, layout)
    for name, (_, text) in steps.units.items():
        write(os.path.join(UNITS, name), text)
    if steps.reload:
        _systemctl("daemon-reload")
    if steps.stop:
        _systemctl("stop", layout.unit)
    if steps.disable:
        _systemctl("disable", "--quiet", layout.unit)
    if steps.start or steps.restart:
        _start(layout)
    # Only what came up is started at boot.
    if steps.enable:
        _systemctl("enable", "--quiet", layout.unit)
    if steps.link:
        _link(layout, wanted.release)
    return warnings


def running_release(unit: str) -> str | None:
    """Release of the invocation that runs, or that an active oneshot ran.

    PID 1 writes each invocation's ``LogExtraFields=`` (systemd.exec(5)) where
    journald reads them: a 64-bit little-endian length before each field. It is
    what the service was started with, whatever has been loaded since.
    """
    try:
        with open(f"{SYSTEMD_RECORDS}/log-extra-fields:{unit}", "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return None
    while data:
        (length,) = struct.unpack_from("<Q", data)
        name, _, value = data[8 : 8 + length].partition(b"=")
        if name == RELEASE_FIELD.encode():
            return value.decode()
        data = data[8 + length :]
    return None


def _verify(steps: Plan, layout: Layout) -> list[str]:
    """Have systemd check the new units; its complaints about them alone count.

    It checks the units that these depend on as well, and what is wrong with
    those was so before.
    """
    if not steps.units:
        return []
    with tempfile.TemporaryDirectory(prefix="python_service-", dir="/run") as directory:
        paths = []
        for name, (_, text) in steps.units.items():
            paths.append(os.path.join(directory, name))
            write(paths[-1], text)
        result = run(["systemd-analyze", "verify", *paths])
        complaints = [
            line.replace(directory + "/", "")
            for line in result.stderr.splitlines()
            if any(name in line for name in steps.units)
        ]
    if result.returncode != 0 and complaints:
        raise ActivationError(
            f"systemd refuses {layout.unit}; nothing was changed:\n" + "\n".join(complaints)
        )
    return complaints


def _start(layout: Layout) -> None:
    # Without it, a service that crashed often enough before is not even tried.
    run(["systemctl", "reset-failed", layout.unit])
    result = run(["systemctl", "restart", layout.unit])
    status = show(layout.unit, *_STATUS)
    first = status
    # The other types have told systemd themselves that they are up, or done.
    deadline = time.monotonic() + (SETTLE if status["Type"] == "exec" else 0)
    while True:
        up = status["ActiveState"] == "active" and status["MainPID"] == first["MainPID"]
        if not up or result.returncode != 0:
            raise ActivationError(_failure(layout, first["InvocationID"], status, result.stderr))
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return
        time.sleep(min(0.25, remaining))
        status = show(layout.unit, *_STATUS)


def _failure(layout: Layout, invocation: str, status: Mapping[str, str], words: str) -> str:
    state = f"{status['ActiveState']} ({status['SubState']}), result {status['Result']}"
    if status["ExecMainStatus"] not in ("", "0"):
        kind = {"1": "exit status", "2": "signal", "3": "signal"}.get(
            status["ExecMainCode"], "status"
        )
        state += f", {kind} {status['ExecMainStatus']}"
    lines = [f"{layout.unit} did not come up: {state}"]
    if words.strip():
        lines.append(words.strip())
    return "\n".join([*lines, *_journal(invocation)])


def _journal(invocation: str) -> list[str]:
    """The words of one invocation for people: its warnings and worse, or its last words."""
    run(["journalctl", "--sync"])
    command = ["journalctl", f"_SYSTEMD_INVOCATION_ID={invocation}", "--lines", "20"]
    command += ["--output", "cat", "--no-pager", "--quiet"]
    for heading, options in (
        ("Its journal at warning and worse:", ["--priority", "warning"]),
        ("Its journal, which holds no warning:", []),
    ):
        entries = run([*command, *options]).stdout.splitlines()
        if entries:
            return [heading, *(f"  {entry}" for entry in entries)]
    return ["Its journal is empty."]


def _link(layout: Layout, release: str) -> None:
    temporary = os.path.join(layout.base, f".current-{os.getpid()}")
    os.symlink(os.path.join("releases", release), temporary)
    os.rename(temporary, layout.current)


def _systemctl(*words: str) -> None:
    result = run(["systemctl", *words])
    if result.returncode != 0:
        raise ActivationError(f"systemctl {' '.join(words)} failed: {result.stderr.strip()}")
