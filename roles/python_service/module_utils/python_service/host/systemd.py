# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""How the steps ask and tell systemd. Tests put another one in its place."""

from __future__ import annotations

import contextlib
import json
import os
import re
import struct
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..errors import ServiceError
from ..foreign import last_lines, printable
from ..model import RELEASE_FIELD
from .files import read, write
from .programs import run, unless_done

#: Where PID 1 leaves what journald has to know of each invocation.
RECORDS = "/run/systemd/units"
#: Seconds that a job may take beside the unit's own limits, which systemd enforces itself.
_JOB = 3600.0
#: A socket that listens, in the tables of proc_pid_net(5).
LISTEN = "0A"
_PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "FragmentPath",
    "NeedDaemonReload",
    "Type",
    "RemainAfterExit",
    "Result",
    "ExecMainCode",
    "ExecMainStatus",
    "ExecMainStartTimestampMonotonic",
    "ActiveEnterTimestampMonotonic",
    "ConditionResult",
    "MainPID",
    "NRestarts",
    "InvocationID",
    "StatusText",
    "TimeoutStartUSec",
)
#: What tells of a job and of the timer that runs it.
_RUNS = (
    "ActiveState",
    "Result",
    "ExecMainStatus",
    "ExecMainExitTimestamp",
    "NextElapseUSecRealtime",
)
#: States of a unit that runs, and of one that does or is about to.
UP = ("active", "reloading")
BUSY = (*UP, "activating", "deactivating")  # the former also between two tries of a crash loop


class Status(dict[str, str]):
    """Properties of a unit, as ``systemctl show`` names them; one that it has not is empty."""

    def __missing__(self, name: str) -> str:
        return ""


class Systemd:
    """PID 1 of the host, its journal and its clock."""

    def status(self, units: Sequence[str]) -> dict[str, Status]:
        """Properties of units by their names, in one call."""
        return dict(zip(units, _shown(units, len(units)))) if units else {}

    def times(self, units: Sequence[str]) -> dict[str, Status]:
        """Likewise what tells of the runs of jobs; times are in UTC."""
        return dict(zip(units, _shown(units, len(units), _RUNS)))

    def loaded(self, pattern: str) -> dict[str, Status]:
        """Properties of the units that systemd has in memory whose names match, by their names."""
        return {status["Id"]: status for status in _shown([pattern])}

    def control(self, verb: str, units: Sequence[str] = (), limit: float = _JOB) -> None:
        """``systemctl VERB UNIT…``; raises `ServiceError` where systemd refuses it.

        For ``start`` and ``restart`` success says little: look at what runs then.
        """
        result = run(["systemctl", "--quiet", verb, *units], limit=limit)
        if result.returncode != 0:
            words = "\n".join(last_lines(result.stderr.strip().splitlines()))
            raise ServiceError(f"systemctl {' '.join([verb, *units])} failed: {words}")

    def stopping(self, unit: str) -> contextlib.AbstractContextManager[None]:
        """Have a unit stopped unless what is done meanwhile comes to its end."""
        return unless_done(["systemctl", "--quiet", "stop", unit])

    def reset(self, units: Sequence[str]) -> None:
        """Forget that units failed; without it one that did so often enough is not even tried."""
        for unit in units:  # together, one that systemd does not know would keep it from the rest
            run(["systemctl", "--quiet", "reset-failed", unit])

    def forget_runs(self, timers: Sequence[str]) -> None:
        """Stop timers, and have none of them make up for runs of before: systemd.timer(5), ``Persistent=``."""
        run(["systemctl", "--quiet", "stop", *timers])
        for timer in timers:  # of one that has not run yet, there is nothing to forget
            run(["systemctl", "--quiet", "clean", "--what=state", timer])

    def calendar_problem(self, text: str) -> str | None:
        """What systemd says of an expression of systemd.time(7) that it does not understand."""
        result = run(["systemd-analyze", "calendar", "--", text])
        return None if result.returncode == 0 else printable(result.stderr.strip())

    def prepared(self, units: Sequence[str]) -> bool:
        """Whether a command of ``ExecStartPre=`` ran when one of the units was last started."""
        if not units:
            return False
        names = "ExecStartPre,ExecMainStartTimestampMonotonic"
        shown = run(["systemctl", "show", "--property", names, *units]).stdout
        return any(
            re.search(r"^ExecStartPre=.* ; pid=[1-9]\d* ; ", one, re.MULTILINE)
            # What ran is forgotten when units are read anew; when the program was started is not.
            or re.search(r"^ExecMainStartTimestampMonotonic=[1-9]", one, re.MULTILINE)
            for one in shown.split("\n\n")
            if re.search("^ExecStartPre={", one, re.MULTILINE)
        )

    def release_of(self, unit: str, status: Mapping[str, str]) -> str | None:
        """Id of the release that the unit's invocation was started with, or None.

        PID 1 writes each invocation's ``LogExtraFields=`` (systemd.exec(5)) where
        journald reads them: a 64-bit little-endian length before each field.
        That is private to systemd: where there is no such file, the environment
        that the main process was started with tells.
        """
        try:
            with open(f"{RECORDS}/log-extra-fields:{unit}", "rb") as file:
                fields = _fields(file.read())
        except FileNotFoundError:
            try:
                with open(f"/proc/{status['MainPID'] or 0}/environ", "rb") as file:
                    fields = file.read().split(b"\0")
            except OSError:
                return None
        prefix = f"{RELEASE_FIELD}=".encode()
        for field in fields:
            if field.startswith(prefix):
                return field[len(prefix) :].decode(errors="replace")
        return None

    def verify(self, units: Mapping[str, str]) -> tuple[list[str], list[str]]:
        """Have systemd check units, texts by name; what it refuses and what it warns of.

        The program itself is replaced by one that every host has: on a host that
        never saw the release it is not there yet, and staging looks for it.
        systemd checks the units that these depend on as well; what is wrong with
        those was so before, and does not count.
        """
        with tempfile.TemporaryDirectory(prefix="python_service-", dir="/run") as directory:
            paths = []
            for name, text in units.items():
                paths.append(os.path.join(directory, name))
                write(
                    paths[-1], re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", text, count=1)
                )
            result = run(["systemd-analyze", "verify", *paths])
        complaints = [
            printable(line.replace(directory + "/", ""))
            for line in result.stderr.splitlines()
            if any(name in line for name in units)
        ]
        return (complaints, []) if result.returncode != 0 else ([], complaints)

    def listens(self, status: Mapping[str, str]) -> bool:
        """Whether the account of a unit's main process has a TCP port that it accepts connections on.

        Looked for where that process has its network: proc_pid_net(5).
        """
        process = f"/proc/{status['MainPID'] or 0}"
        try:
            with open(f"{process}/status", encoding="utf-8", errors="replace") as file:
                account = next(line.split()[1] for line in file if line.startswith("Uid:"))
            for table in ("tcp", "tcp6"):
                with open(f"{process}/net/{table}", encoding="ascii") as file:
                    rows = [line.split() for line in file]
                if any(row[3] == LISTEN and row[7] == account for row in rows[1:]):
                    return True
        except (OSError, IndexError, StopIteration):  # it has ended, or there is no IPv6
            return False
        return False

    def is_running(self) -> bool:
        """Whether the host was booted with systemd: sd_booted(3)."""
        return os.path.isdir("/run/systemd/system")

    def version(self) -> int:
        """Version of systemd; 0 where that cannot be told."""
        result = run(["systemctl", "--version"])
        found = re.match(r"systemd (\d+)", result.stdout)
        if not found:
            raise ServiceError(f"systemctl --version failed: {printable(result.stderr.strip())}")
        return int(found[1])

    def identity(self) -> str:
        """Which systemd runs, on which kernel; another where either was replaced."""
        status = os.stat("/proc/1/exe")
        program = f"{os.readlink('/proc/1/exe')} {status.st_size} {status.st_mtime_ns}"
        return f"{os.uname().release} {program}"

    def try_settings(self, settings: Sequence[str], command: Sequence[str]) -> str | None:
        """What a command prints with these settings of a service; None where it does not end well."""
        properties = [f"--property={setting}" for setting in settings]
        how = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect"]
        result = run([*how, *properties, *command])
        return result.stdout if result.returncode == 0 else None

    def journal(self, matches: Sequence[str], since: float = 0.0) -> list[str]:
        """Messages of the last entries that match, oldest first; each may have many lines.

        They are of this boot, and came after ``since``, as `monotonic` gives it.
        """
        command = ["journalctl", "--boot", "--lines", "20", "--quiet", "--no-pager"]
        command += ["--all", "--output", "json", "--output-fields", "MESSAGE"]
        lines = run([*command, *matches]).stdout.split("\n")
        return [message for line in lines for message in _messages(line, since)]

    def sync_journal(self) -> None:
        """Have the journal hold what was written until now, as far as it does so soon.

        Under a flood of entries journald takes as long as the flood lasts.
        """
        try:
            run(["journalctl", "--sync"], limit=5.0)
        except ServiceError:
            return

    def monotonic(self) -> float:
        """Seconds on the clock of systemd's ``…TimestampMonotonic`` properties."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def read_units(directory: str, names: Iterable[str]) -> dict[str, str]:
    """Texts of those of the named files in ``directory`` that are there."""
    texts = {name: read(os.path.join(directory, name)) for name in names}
    return {name: text for name, text in texts.items() if text is not None}


def _shown(
    names: Sequence[str], expected: int | None = None, properties: Sequence[str] = _PROPERTIES
) -> list[Status]:
    """What ``systemctl show`` tells of units, in the order of their names."""
    command = ["systemctl", "show", "--property", ",".join(properties), *names]
    shown = run(command, {"TZ": "UTC"})
    blocks = [block for block in shown.stdout.strip("\n").split("\n\n") if block]
    if shown.returncode != 0 or expected not in (None, len(blocks)):
        raise ServiceError(f"systemctl show failed: {printable(shown.stderr.strip())}")
    # Other characters that end a line for Python may be in what a service says of itself.
    pairs = ((line.partition("=") for line in block.split("\n")) for block in blocks)
    return [Status({name: value for name, _, value in block}) for block in pairs]


def _messages(line: str, since: float) -> Iterator[str]:
    """The message of a line of ``journalctl --output json``, if it came after ``since``."""
    try:
        entry = json.loads(line)
        message = entry["MESSAGE"]
        if int(entry["__MONOTONIC_TIMESTAMP"]) < since * 1e6:
            return
        # Bytes that are no text come as a list of numbers.
        yield bytes(message).decode(errors="replace") if isinstance(message, list) else str(message)
    except (ValueError, KeyError, TypeError):
        return


def _fields(data: bytes) -> list[bytes]:
    fields = []
    while len(data) >= 8:
        (length,) = struct.unpack_from("<Q", data)
        fields.append(data[8 : 8 + length])
        data = data[8 + length :]
    return fields
