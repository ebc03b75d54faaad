"""Programs of strangers, as the tests deploy them: from wheels that were fetched beforehand."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path
from platform import machine
from typing import Any

from lab import CACHE, PROJECT

SERVICES = PROJECT / "tests" / "host" / "services"


def requirements(name: str = "requirements.txt", python: str = "") -> dict[str, Any]:
    """Variables of the role that bring what programs need, by hash and without an index.

    What is compiled is for a version of Python, as in ``3.13``.
    """
    path = SERVICES / name
    return {
        "requirements": str(path),
        "require_hashes": True,
        "wheelhouse": str(wheelhouse(name, python)),
    }


def wheelhouse(name: str, python: str = "") -> Path:
    """One for each state of the requirements, because all that lies there is shipped."""
    requirements = SERVICES / name
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    directory = CACHE / "wheelhouse" / digest
    directory.mkdir(parents=True, exist_ok=True)
    download = ["download", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    download += ["--no-deps", "--only-binary=:all:", "--requirement", str(requirements)]
    if python:
        download += ["--python-version", python, "--platform", f"manylinux2014_{machine()}"]
        download += ["--platform", f"manylinux_2_17_{machine()}"]
    with (directory.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not any(directory.iterdir()):
            command = [sys.executable, "-m", "pip", *download, "--dest", str(directory)]
            subprocess.run(command, check=True)
    return directory
