"""Importing the package brings in nothing heavy beyond what logging has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from unit.systemd_handler.conftest import Journal

    RunElsewhere = Callable[[str], subprocess.CompletedProcess[bytes]]


def test_only_light_modules_are_imported(run_elsewhere: RunElsewhere) -> None:
    program = (
        "import logging, sys\n"
        "before = set(sys.modules)\n"
        "from systemd_handler import *\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new - {'systemd_handler'}))\n"
    )
    result = run_elsewhere(program)
    # Each is an extension module or a page of Python.
    assert set(result.stdout.decode().split()) <= {
        "__future__",
        "_contextvars",
        "_socket",
        "contextlib",
        "contextvars",
        "errno",
        "select",
    }


@pytest.mark.usefixtures("unmeasured")
def test_a_process_under_auto_loads_what_it_needs_and_no_more(journal: Journal) -> None:
    program = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "from systemd_handler import _auto; _auto.start()\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new - {'systemd_handler'}))\n"
    )
    journal.run(program)
    [(_, names)] = journal.entries()
    # Each is an extension module or a page of Python.
    assert set(names.split()) <= {
        "__future__",
        "_contextvars",
        "_socket",
        "atexit",
        "contextvars",
        "errno",
        "faulthandler",
        "io",
        "select",
    }


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize(
    ("program", "loaded"),
    [("print()", False), ("import logging", True), ("import threading", True)],
)
def test_what_threads_write_with_is_loaded_before_there_are_any(
    journal: Journal, program: str, loaded: bool
) -> None:
    start = "import sys; from systemd_handler import _auto; _auto.start()\n"
    journal.run(f"{start}{program}\nprint('ctypes' in sys.modules)")
    assert journal.entries() == [(6, str(loaded))]
