# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Commands that are run for a service as one of its processes is: same account, same sandbox.

A unit beside the process's own has the same settings and runs the command once.
systemd itself reads them from the unit's text, so nothing is left out or
translated. What looks at a process shares its private /tmp and its network.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..errors import ServiceError
from ..foreign import shortened
from ..layout import Layout
from .files import remove, write
from .systemd import Systemd

#: Of the names of the units in which commands run. No service has one of them, since names hold no dot.
_PREFIX = "python_service"
#: Seconds beside its own that a command may take to be started and ended, of which systemd takes care.
_ENDING = 120.0
#: Settings of how a process is started, watched and ended, which are not the command's.
_PROCESS_ONLY = (
    "ExecCondition",
    "ExecReload",
    "ExecStart",
    "ExecStartPost",
    "ExecStartPre",
    "ExecStop",
    "ExecStopPost",
    "FileDescriptorStoreMax",
    "NonBlocking",
    "NotifyAccess",
    "PIDFile",
    "RemainAfterExit",
    "Restart",
    "RestartForceExitStatus",
    "RestartMaxDelaySec",
    "RestartPreventExitStatus",
    "RestartSec",
    "RestartSteps",
    "RuntimeMaxSec",
    "Sockets",
    "StandardError",
    "StandardInput",
    "StandardOutput",
    "SuccessExitStatus",
    "TimeoutAbortSec",
    "TimeoutSec",
    "TimeoutStartSec",
    "TimeoutStopSec",
    "Type",
    "WatchdogSec",
)


class Ending(NamedTuple):
    """How a command ended that did not end well, and what it said, oldest first; ``hung``: it took too long."""

    how: str
    said: Sequence[str] = ()
    hung: bool = False

    def __str__(self) -> str:
        words = " / ".join(shortened(line) for line in self.said[-3:])
        return f"{self.how}: {words}" if self.said else self.how


class Sandbox:
    """The sandbox of a ``unit``, whose text is ``text``, for commands.

    What runs ``apart`` has a /tmp and a network of its own; else it shares those
    of the process. The unit that runs a command is there while it is held.
    """

    def __init__(
        self, layout: Layout, systemd: Systemd, unit: str, text: str, *, apart: bool = False
    ) -> None:
        self._systemd = systemd
        self.unit = _apart(layout) if apart else f"{_PREFIX}.{unit.rpartition('.')[0]}.service"
        self._path = os.path.join(layout.transient_units, self.unit)
        self._settings = [*settings(text, "" if apart else f"JoinsNamespaceOf={unit}")]
        self._search = _search_path(text)

    @contextlib.contextmanager
    def holding(
        self, command: Sequence[str], seconds: float
    ) -> Iterator[Callable[[], Ending | None]]:
        """How to run a command that may take so many seconds, as often as wanted.

        It is a line as ``ExecStart=`` has it, or words: then the first is looked up
        in the ``PATH`` of the unit, and all arrive as they are.
        """
        line = command if isinstance(command, str) else self._line(command)
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        write(self._path, "\n".join([*self._settings, *_execution(line, seconds), ""]))
        try:
            self._systemd.control("daemon-reload")
            yield functools.partial(self._run, seconds)
        finally:
            _remove(self._systemd, self._path)

    def _line(self, words: Sequence[str]) -> str:
        program = shutil.which(words[0], path=self._search) or words[0]
        return " ".join(_quoted(word) for word in [program, *words[1:]])

    def _run(self, seconds: float) -> Ending | None:
        """Run the command once; None is success."""
        began = self._systemd.monotonic()
        try:
            self._systemd.control("start", [self.unit], seconds + _ENDING)
        except ServiceError as error:
            return self._ending(self._systemd.status([self.unit])[self.unit], error, began)
        return None

    def _ending(self, status: Mapping[str, str], error: ServiceError, began: float) -> Ending:
        if status["Result"] == "timeout":
            return Ending("does not end", hung=True)
        if status["ExecMainCode"] in ("", "0"):
            return Ending(f"could not be run: {error}")
        how = "with status" if status["ExecMainCode"] == "1" else "by signal"
        self._systemd.sync_journal()
        # Of a command that ends at once, journald may come too late to learn the invocation.
        said = self._systemd.journal([f"_SYSTEMD_UNIT={self.unit}"], began)
        return Ending(f"ends {how} {status['ExecMainStatus']}", said)


def end_left(layout: Layout, systemd: Systemd) -> None:
    """End a command that runs apart and that a run which was cut off has left behind."""
    unit = _apart(layout)
    path = os.path.join(layout.transient_units, unit)
    if os.path.exists(path):
        with contextlib.suppress(ServiceError):  # of what systemd has not read yet
            systemd.control("stop", [unit])
        _remove(systemd, path)


def _apart(layout: Layout) -> str:
    return f"{_PREFIX}.prepare.{layout.name}.service"


def _remove(systemd: Systemd, path: str) -> None:
    remove(path)
    systemd.reset([os.path.basename(path)])
    systemd.control("daemon-reload")


def settings(text: str, first: str) -> Iterator[str]:
    """The lines of a unit's ``[Service]`` section that hold for a command as well, after a ``first`` one."""
    yield "[Unit]"
    yield first
    # A check may be repeated as often as it takes: it is no crash loop.
    yield "StartLimitIntervalSec=0"
    section, continued, skipped = "", False, False
    # systemd.syntax(7): a comment neither ends nor begins a line that goes on.
    lines = [line for line in text.split("\n") if not line.lstrip().startswith(("#", ";"))]
    for line in lines:
        if line.startswith("[") and not continued:
            section = line
            skipped = False
        elif not continued:
            skipped = line.partition("=")[0].strip() in _PROCESS_ONLY
        continued = (len(line) - len(line.rstrip("\\"))) % 2 == 1
        if section == "[Service]" and not skipped:
            yield line


def _search_path(text: str) -> str | None:
    """The PATH that the unit gives its process."""
    path = re.search(r"^Environment=PATH=(\S+)$", text, re.MULTILINE)
    return path[1] if path else None


def _execution(line: str, seconds: float) -> Iterator[str]:
    yield "Type=oneshot"
    yield f"ExecStart={line}"
    yield f"TimeoutStartSec={seconds}"
    yield "TimeoutStopSec=5"
    # The process's own directory stays when the command ends.
    yield "RuntimeDirectoryPreserve=yes"


def _quoted(word: str) -> str:
    """One word of ``ExecStart=`` that arrives as it is: systemd.service(5), "Command lines"."""
    for special, escaped in (
        ("\\", "\\\\"),
        ('"', '\\"'),
        ("%", "%%"),
        ("$", "$$"),
        ("\t", "\\t"),
        ("\n", "\\n"),
    ):
        word = word.replace(special, escaped)
    return f'"{word}"'
