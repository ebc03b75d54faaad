"""The host's interpreter compiles on all cores, and where that cannot be on one."""

from __future__ import annotations

from pathlib import Path

from python_service.module_utils.python_service.host.python import Python

#: Is called as Python; on several cores it fails as without shared memory.
STAND_IN = """#!/bin/sh
echo "$*" >> {calls}
case "$*" in *"-j 0"*) echo "Traceback (most recent call last):" >&2; exit 1 ;; esac
"""


def test_where_several_cores_cannot_compile_one_does(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    stand_in = tmp_path / "python3"
    stand_in.write_text(STAND_IN.format(calls=calls))
    stand_in.chmod(0o755)
    Python(str(stand_in), "cpython", "3.11.2", "cpython-311").compile("/new", "/final")
    first, second = calls.read_text().splitlines()
    assert first == f"{second} -j 0"
    assert second.endswith("-s /new -p /final /new")
