"""Importing the package brings in nothing heavy beyond what logging has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    RunElsewhere = Callable[[str], subprocess.CompletedProcess[bytes]]


def test_only_light_modules_are_imported(run_elsewhere: RunElsewhere) -> None:
    program = (
        "import logging, sys\n"
        "before = set(sys.modules)\n"
        "import systemd_handler\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new - {'systemd_handler'}))\n"
    )
    result = run_elsewhere(program)
    # Each is an extension module or a page of Python.
    assert set(result.stdout.decode().split()) <= {
        "__future__",
        "_bisect",
        "_contextvars",
        "bisect",
        "contextvars",
        "errno",
        "select",
    }
