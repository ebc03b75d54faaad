"""Commands of this machine, and containers with systemd that the tests deploy to."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
# Seconds; guards against hanging alone.
LIMIT = 1200


def run(*command: str | Path, cwd: Path = PROJECT, **environment: str) -> str:
    """Output of a command that succeeds."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


class Container:
    """A running host by its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *command: str) -> str:
        """Output of a command that succeeds there."""
        return run("docker", "exec", self.name, *command)


@contextlib.contextmanager
def container(name: str, image: str = "debian:12") -> Iterator[Container]:
    """A host of the test's own, which is removed after it."""
    run(PROJECT / "script" / "host", "up", name, "--image", image)
    yield Container(name)
    run(PROJECT / "script" / "host", "down", name)
