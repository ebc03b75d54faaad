"""Runs of Ansible, over whatever connection an inventory names, and what came of them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lab import PROJECT
from lab.commands import LIMIT, LabError

_RECAP = re.compile(r"^(\S+) +: ok=\d+ +changed=(\d+) +unreachable=\d+ +failed=\d+", re.MULTILINE)
# Warnings may come before it, and what other callbacks print has no such line.
_REPORT = re.compile(r"^\{$", re.MULTILINE)
# What the ssh connection says at -vvv: a command that is run there, a file that is sent there.
_CALL = re.compile(r"^<[^>]+> SSH: EXEC ssh ", re.MULTILINE)
_TRANSFER = re.compile(r"^<[^>]+> PUT ", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """A run of a program of Ansible that ended, well or not, after so many seconds."""

    status: int
    output: str
    seconds: float

    @property
    def tasks(self) -> list[tuple[str, dict[str, Any]]]:
        """Names, without the role's, and results; known where `JSON` was the callback."""
        begin = _REPORT.search(self.output)
        if not begin:
            return []
        report, _ = json.JSONDecoder().raw_decode(self.output, begin.start())
        return [
            (task["task"]["name"].rpartition(" : ")[2], result)
            for play in report["plays"]
            for task in play["tasks"]
            for result in task["hosts"].values()
        ]

    @property
    def changed(self) -> list[str]:
        """Names of the tasks that changed something; known as `tasks` are."""
        return [name for name, result in self.tasks if result.get("changed")]

    @property
    def message(self) -> str:
        """Message of the task that failed; known as `tasks` are."""
        return "\n".join(
            str(result["msg"])
            for _, result in self.tasks
            if result.get("failed") and "msg" in result
        )

    @property
    def changes(self) -> dict[str, int]:
        """How many tasks changed something, by host; known where people read the output."""
        return {name: int(count) for name, count in _RECAP.findall(self.output)}

    @property
    def calls(self) -> int:
        """Commands that were run over SSH; known where the run had ``-vvv``."""
        return len(_CALL.findall(self.output))

    @property
    def transfers(self) -> int:
        """Files that were sent over SSH; known where the run had ``-vvv``."""
        return len(_TRANSFER.findall(self.output))

    def succeeded(self) -> Run:
        """The run itself; `LabError` with what it said when it failed."""
        if self.status != 0:
            raise LabError(self.message or f"{self.output}\nIt failed with status {self.status}.")
        return self


_NONE: Mapping[str, str] = MappingProxyType({})
#: The callback whose output `Run` reads the tasks from, as a variable of the environment.
JSON = {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}


def command(program: str, inventory: Path, *arguments: str) -> list[str]:
    """How a program of Ansible is called; it lies beside the Python that runs this."""
    return [str(Path(sys.executable).with_name(program)), "--inventory", str(inventory), *arguments]


def environment(variables: Mapping[str, str] = _NONE) -> dict[str, str]:
    """The environment of a run: the project's configuration and not the user's, and variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    kept.pop("PYTHONPATH", None)  # the lab's
    return {**kept, "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"), **variables}


def start(
    program: str, inventory: Path, *arguments: str, variables: Mapping[str, str] = _NONE
) -> subprocess.Popen[str]:
    """Start a program of Ansible, in a process group of its own."""
    return subprocess.Popen(
        command(program, inventory, *arguments),
        cwd=PROJECT,
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(
    program: str, inventory: Path, *arguments: str, variables: Mapping[str, str] = _NONE
) -> Run:
    """Run a program of Ansible to its end; `LabError` when it has none."""
    started = time.perf_counter()
    process = start(program, inventory, *arguments, variables=variables)
    try:
        output, errors = process.communicate(timeout=LIMIT)
    except BaseException as error:
        # In a group of its own, it does not end with this program.
        os.killpg(process.pid, signal.SIGKILL)
        output, errors = process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise LabError(
                f"{program} {' '.join(arguments)} did not end within {LIMIT} s; it had said:\n"
                f"{output}{errors}"
            ) from None
        raise
    return Run(process.returncode, output + errors, time.perf_counter() - started)
