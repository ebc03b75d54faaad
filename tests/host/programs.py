"""Programs of strangers, as the tests deploy them: from wheels that were fetched beforehand."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab import CACHE

SERVICES = Path(__file__).parent / "services"


def requirements(name: str = "requirements.txt") -> dict[str, Any]:
    """Variables of the role that bring what programs need, by hash and without an index."""
    path = SERVICES / name
    return {
        "requirements": str(path),
        "require_hashes": True,
        "wheelhouse": str(wheelhouse(name)),
    }


def wheelhouse(name: str) -> Path:
    """One for each state of the requirements, because all that lies there is shipped."""
    requirements = SERVICES / name
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    directory = CACHE / "wheelhouse" / digest
    directory.mkdir(parents=True, exist_ok=True)
    # Wheels for any Python 3.
    download = ["download", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    download += ["--no-deps", "--only-binary=:all:", "--requirement", str(requirements)]
    with (directory.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not any(directory.iterdir()):
            command = [sys.executable, "-m", "pip", *download, "--dest", str(directory)]
            subprocess.run(command, check=True)
    return directory
