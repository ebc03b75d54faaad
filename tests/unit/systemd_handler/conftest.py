"""A stand-in for journald: a pipe that `$JOURNAL_STREAM` names, read as journald reads.

All of it comes to the tests as fixtures.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import systemd_handler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEFAULT_PRIORITY = 6


class Journal:
    """A pipe whose writing end is `stream` and whose reading end is read like journald."""

    def __init__(self) -> None:
        self.reader, writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.stream = os.fdopen(writer, "w", encoding="utf-8")
        status = os.fstat(writer)
        self.name = f"{status.st_dev}:{status.st_ino}"

    def read(self) -> bytes:
        """Return what was written since the last call, at most what a pipe holds."""
        try:
            return os.read(self.reader, 1 << 20)
        except BlockingIOError:
            return b""

    def entries(self) -> list[tuple[int, str]]:
        """Return priority and text of each entry that journald would make."""
        return self.entries_of(self.read())

    @staticmethod
    def entries_of(data: bytes) -> list[tuple[int, str]]:
        """Return (priority, text) of the entries in *data*, by the rules of journald 252.

        Newline and NUL end an entry, one prefix counts, trailing white space is stripped
        and an entry with nothing left is dropped.
        """
        entries = []
        for line in re.split(rb"[\n\0]", data):
            priority, text = DEFAULT_PRIORITY, line.rstrip(b" \t\r\n")
            if re.match(rb"<[0-7]>", text):
                priority, text = int(text[1:2]), text[3:]
            if text:
                entries.append((priority, text.decode()))
        return entries

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run *program* with both output streams in this journal."""
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            stdout=self.stream,
            stderr=self.stream,
            env=environment_with(JOURNAL_STREAM=self.name),
            timeout=60,
            check=False,
        )

    def close(self) -> None:
        self.stream.close()
        os.close(self.reader)


def environment_with(**variables: str) -> dict[str, str]:
    """Return an environment in which a child finds the package.

    Of the variables that systemd sets, and of those that change how Python writes, it has only
    those among *variables*.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("JOURNAL_STREAM", "NOTIFY_SOCKET", "PYTHONUNBUFFERED", "SYSTEMD_HANDLER")
    }
    package = Path(systemd_handler.__file__).parents[1]
    return {**inherited, "PYTHONPATH": str(package), **variables}


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have children not tell what they reach: whatever measures that loads modules of its own."""
    for name in [name for name in os.environ if name.startswith("COV")]:
        monkeypatch.delenv(name)


@pytest.fixture(name="environment_with")
def _environment_with() -> Callable[..., dict[str, str]]:
    return environment_with


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    """A journal that this process and its children would take for journald."""
    journal = Journal()
    monkeypatch.setenv("JOURNAL_STREAM", journal.name)
    yield journal
    journal.close()


@pytest.fixture
def logger_of() -> Callable[[logging.Handler], logging.Logger]:
    """Make a logger for a handler, outside the tree of loggers: nothing stays of it."""

    def logger_of(handler: logging.Handler) -> logging.Logger:
        logger = logging.Logger("app")  # noqa: LOG001
        logger.addHandler(handler)
        return logger

    return logger_of


@pytest.fixture
def in_another_thread() -> Callable[[Callable[[], object]], None]:
    """Call a function in a thread of its own, to its end."""

    def in_another_thread(function: Callable[[], object]) -> None:
        thread = threading.Thread(target=function)
        thread.start()
        thread.join()

    return in_another_thread


@pytest.fixture
def run_elsewhere() -> Callable[[str], subprocess.CompletedProcess[bytes]]:
    """Run a program whose output is no journal's; standard error comes with its output."""

    def run_elsewhere(program: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-c", program],
            env=environment_with(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=True,
        )

    return run_elsewhere
