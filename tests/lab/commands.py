"""Commands of this machine, each with a limit that says what hung."""

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from lab import CACHE

#: Seconds. It guards against hanging alone, so the busiest machine must not reach it.
LIMIT = 1800


class LabError(Exception):
    """Something that the lab does did not work; the message says what and where."""


class Result(NamedTuple):
    """What came of a command that ended."""

    status: int
    stdout: str
    stderr: str


_NONE: Mapping[str, str] = MappingProxyType({})


def run(
    command: Sequence[str | Path],
    *,
    text: str = "",
    directory: Path | None = None,
    variables: Mapping[str, str] = _NONE,
) -> Result:
    """Run a command to its end, well or not, with ``text`` as its input.

    ``variables`` are added to the environment. Raises `LabError` when it has not ended after `LIMIT`.
    """
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env={**os.environ, **variables},
            input=text,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired as error:
        said = b"".join(part for part in (error.stdout, error.stderr) if part)
        raise LabError(
            f"{_words(command)} did not end within {LIMIT} s; it had said:\n"
            f"{said.decode(errors='replace')}"
        ) from None
    return Result(done.returncode, done.stdout, done.stderr)


def check(
    command: Sequence[str | Path],
    *,
    text: str = "",
    directory: Path | None = None,
    variables: Mapping[str, str] = _NONE,
) -> str:
    """Output of a command, without the end of its last line; `LabError` when it fails."""
    result = run(command, text=text, directory=directory, variables=variables)
    if result.status != 0:
        raise LabError(
            f"{_words(command)} failed with status {result.status}:\n{result.stdout}{result.stderr}"
        )
    return result.stdout.rstrip("\r\n")


def _words(command: Sequence[str | Path]) -> str:
    return shlex.join(map(str, command))


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Wait until no other process holds ``name``, and hold it."""
    directory = CACHE / "locks"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / name).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
