"""Every level has a priority, and the three added ones have names."""

from __future__ import annotations

import logging
import subprocess
from typing import TYPE_CHECKING

import pytest

from systemd_handler import ALERT, EMERGENCY, NOTICE, SystemdHandler

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from unit.systemd_handler.conftest import Journal

    RunElsewhere = Callable[[str], subprocess.CompletedProcess[bytes]]


@pytest.mark.parametrize(
    ("level", "priority"),
    [
        (-5, 7),
        (logging.NOTSET, 7),
        (logging.DEBUG, 7),
        (19, 7),
        (logging.INFO, 6),
        (24, 6),
        (NOTICE, 5),
        (29, 5),
        (logging.WARNING, 4),
        (35, 4),
        (logging.ERROR, 3),
        (49, 3),
        (logging.CRITICAL, 2),
        (59, 2),
        (ALERT, 1),
        (61, 2),
        (69, 2),
        (EMERGENCY, 0),
        (71, 2),
        (1000, 2),
    ],
)
def test_a_record_of_any_level_is_an_entry_with_its_priority(
    journal: Journal, level: int, priority: int
) -> None:
    record = logging.LogRecord("app", level, "app.py", 1, "text", (), None)
    SystemdHandler(journal.stream).handle(record)
    assert journal.read() == f"<{priority}>text\n".encode()


def test_the_added_levels_have_names() -> None:
    names = [logging.getLevelName(level) for level in (NOTICE, ALERT, EMERGENCY)]
    assert names == ["NOTICE", "ALERT", "EMERGENCY"]
    assert logging.getLevelName("NOTICE") == NOTICE


def test_a_name_that_the_program_gave_stays(run_elsewhere: RunElsewhere) -> None:
    program = (
        "import logging\n"
        "logging.addLevelName(25, 'SUCCESS')\n"
        "import systemd_handler\n"
        "print(logging.getLevelName(25), logging.getLevelName(60))\n"
    )
    result = run_elsewhere(program)
    assert result.stdout.split() == [b"SUCCESS", b"ALERT"]
