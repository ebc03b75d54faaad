# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Commands that are run for a service as one of its processes is: same account, same sandbox.

A unit beside the process's own has the same settings and runs the command once.
systemd itself reads them from the unit's text, so nothing is left out or
translated. It shares the process's private /tmp and its network.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence

from ..errors import ServiceError
from ..foreign import shortened
from ..layout import Layout
from .files import remove, write
from .systemd import Systemd

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


class Sandbox:
    """The sandbox of a ``unit``, whose text is ``text``, for a ``command`` that may take ``seconds``.

    The first word of the command is looked up in the ``PATH`` of the unit. The
    unit that runs it is there while it is held.
    """

    def __init__(self, layout: Layout, systemd: Systemd, unit: str, text: str) -> None:
        self._systemd = systemd
        # No service has this name, since names hold no dot.
        self._unit = f"python_service.{unit.rpartition('.')[0]}.service"
        self._path = os.path.join(layout.transient_units, self._unit)
        self._settings = [*settings(text, unit)]
        self._search = _search_path(text)

    @contextlib.contextmanager
    def holding(self, command: Sequence[str], seconds: float) -> Iterator[Callable[[], str | None]]:
        """How to run a command that may take so many seconds, as often as wanted."""
        words = [shutil.which(command[0], path=self._search) or command[0], *command[1:]]
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        write(self._path, "\n".join([*self._settings, *_execution(words, seconds), ""]))
        try:
            self._systemd.control("daemon-reload")
            yield self._run
        finally:
            remove(self._path)
            self._systemd.reset([self._unit])
            self._systemd.control("daemon-reload")

    def _run(self) -> str | None:
        """Run the command once; None is success, a text says how it ended instead."""
        began = self._systemd.monotonic()
        try:
            self._systemd.control("start", [self._unit])
        except ServiceError as error:
            return self._ending(self._systemd.status([self._unit])[self._unit], error, began)
        return None

    def _ending(self, status: Mapping[str, str], error: ServiceError, began: float) -> str:
        if status["Result"] == "timeout":
            return "does not end"
        if status["ExecMainCode"] in ("", "0"):
            return f"could not be run: {error}"
        how = "with status" if status["ExecMainCode"] == "1" else "by signal"
        self._systemd.sync_journal()
        # Of a command that ends at once, journald may come too late to learn the invocation.
        said = self._systemd.journal([f"_SYSTEMD_UNIT={self._unit}"], began)
        words = " / ".join(shortened(line) for line in said[-3:])
        return f"ends {how} {status['ExecMainStatus']}: {words}"


def settings(text: str, unit: str) -> Iterator[str]:
    """The lines of a unit's ``[Service]`` section that hold for a command as well."""
    yield "[Unit]"
    yield f"JoinsNamespaceOf={unit}"
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


def _execution(command: Sequence[str], seconds: float) -> Iterator[str]:
    yield "Type=oneshot"
    yield f"ExecStart={' '.join(_quoted(word) for word in command)}"
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
