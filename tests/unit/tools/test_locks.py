"""The locks serve everybody: from whatever index, and only what was locked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
LOCKS = sorted(
    file
    for pattern in ("*.lock", "benchmarks/*.lock", "molecule/**/*.lock", "tests/**/*.lock")
    for file in PROJECT.glob(pattern)
)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(PROJECT)))
def test_a_lock_names_no_host_and_has_a_hash_for_every_package(lock: Path) -> None:
    lines = lock.read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    packages = [line for line in lines if not line.startswith("#")]
    assert packages
    for package in packages:
        assert re.match(r"[a-z0-9._-]+==[^ ]+ .*--hash=sha256:", package)
        assert "://" not in package
