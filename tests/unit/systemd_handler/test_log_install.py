"""`install()` sends all that a program has to say through one handler."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from systemd_handler._escape import unescape

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from unit.systemd_handler.conftest import Journal

    RunElsewhere = Callable[[str], subprocess.CompletedProcess[bytes]]


INSTALL = (
    "import logging, sys, threading, warnings\nimport systemd_handler\nsystemd_handler.install()\n"
)


def entries_from(journal: Journal, program: str) -> list[tuple[int, str]]:
    journal.run(program)
    return [(priority, unescape(text)) for priority, text in journal.entries()]


def test_records_have_the_loggers_name_and_no_time(journal: Journal) -> None:
    program = INSTALL + "logging.getLogger('app').info('hello'); logging.debug('too low')"
    assert entries_from(journal, program) == [(6, "app: hello")]


def test_level_stream_and_format_are_taken(journal: Journal) -> None:
    program = (
        "import logging, sys, systemd_handler\n"
        "handler = systemd_handler.install('NOTICE', stream=sys.stdout, fmt='[%(message)s]')\n"
        "assert handler.stream is sys.stdout and handler in logging.getLogger().handlers\n"
        "logging.info('too low'); logging.log(systemd_handler.NOTICE, 'seen')\n"
    )
    assert entries_from(journal, program) == [(5, "[seen]")]


@pytest.mark.parametrize("arguments", ["'LOUD'", "fmt='no field'"])
def test_a_refused_call_changes_nothing(journal: Journal, arguments: str) -> None:
    program = (
        "import logging, sys, systemd_handler\n"
        "try:\n"
        f"    systemd_handler.install({arguments})\n"
        "except ValueError:\n"
        "    print(logging.getLogger().handlers, sys.excepthook is sys.__excepthook__)\n"
    )
    assert entries_from(journal, program) == [(6, "[] True")]


def test_an_uncaught_exception_is_one_critical_entry(journal: Journal) -> None:
    [(priority, text)] = entries_from(journal, INSTALL + "1 / 0")
    assert priority == 2
    assert text.startswith("root: Uncaught exception\nTraceback (most recent call last):\n")
    assert text.endswith("\nZeroDivisionError: division by zero")


def test_the_exit_status_stays(journal: Journal) -> None:
    assert journal.run(INSTALL + "1 / 0").returncode == 1
    assert journal.run(INSTALL + "sys.exit(7)").returncode == 7


def test_an_exception_in_a_thread_is_one_error(journal: Journal) -> None:
    program = INSTALL + (
        "thread = threading.Thread(target=lambda: 1 / 0, name='worker')\n"
        "thread.start(); thread.join()\n"
    )
    [(priority, text)] = entries_from(journal, program)
    assert priority == 3
    assert text.startswith("root: Uncaught exception in thread worker\nTraceback ")
    assert text.endswith("\nZeroDivisionError: division by zero")


def test_an_exception_that_cannot_be_raised_is_one_error(journal: Journal) -> None:
    program = INSTALL + (
        "class Broken:\n    def __del__(self): raise ValueError('late')\nBroken()\n"
    )
    [(priority, text)] = entries_from(journal, program)
    assert priority == 3
    assert re.match(r"root: Exception ignored .*Broken\.__del__", text)
    assert text.endswith("\nValueError: late")


UNRAISABLE = INSTALL + (
    "from types import SimpleNamespace\n"
    "def ignored(message, place):\n"
    "    sys.unraisablehook(SimpleNamespace(\n"
    "        exc_type=ValueError, exc_value=ValueError('late'), exc_traceback=None,\n"
    "        err_msg=message, object=place,\n"
    "    ))\n"
)


def test_the_place_of_an_exception_need_not_have_a_repr(journal: Journal) -> None:
    program = UNRAISABLE + (
        "class Broken:\n    def __repr__(self): return 1 / 0\nignored(None, Broken())\n"
    )
    [(priority, text)] = entries_from(journal, program)
    assert priority == 3
    assert "Exception ignored in: an object whose repr() failed" in text
    assert text.endswith("\nValueError: late")


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (None, "Exception ignored"),
        # Python 3.14 names the place in the message, and has no object then.
        ("Exception ignored while finalizing file", "Exception ignored while finalizing file"),
    ],
)
def test_an_exception_may_have_no_place(journal: Journal, message: str | None, says: str) -> None:
    [(priority, text)] = entries_from(journal, f"{UNRAISABLE}ignored({message!r}, None)\n")
    assert (priority, text) == (3, f"root: {says}\nValueError: late")


def test_an_exception_without_a_value_is_logged(journal: Journal) -> None:
    program = INSTALL + (
        "threading.excepthook(threading.ExceptHookArgs((ValueError, None, None, None)))\n"
    )
    [(priority, text)] = entries_from(journal, program)
    assert priority == 3
    assert text.startswith("root: Uncaught exception in thread that has ended\n")


def test_a_warning_is_one_entry(journal: Journal) -> None:
    [(priority, text)] = entries_from(journal, INSTALL + "warnings.warn('old\\nway')")
    assert priority == 4
    assert text.startswith("py.warnings: ")
    assert "UserWarning: old\nway" in text


def test_keyboard_interrupt_and_system_exit_are_left_alone(journal: Journal) -> None:
    program = INSTALL + (
        "thread = threading.Thread(target=sys.exit)\n"
        "thread.start(); thread.join()\n"
        "raise KeyboardInterrupt\n"
    )
    entries = entries_from(journal, program)
    assert {priority for priority, _ in entries} == {6}
    assert entries[-1] == (6, "KeyboardInterrupt")


def test_a_hook_of_someone_else_is_called_after_the_record(journal: Journal) -> None:
    program = (
        "import sys, threading\n"
        "def say(kind): print('theirs', kind.__name__, flush=True)\n"
        "sys.excepthook = lambda *details: say(details[0])\n"
        "threading.excepthook = lambda args: say(args.exc_type)\n"
        "sys.unraisablehook = lambda args: say(args.exc_type)\n"
        f"{INSTALL}"
        "thread = threading.Thread(target=lambda: [][0])\n"
        "thread.start(); thread.join()\n"
        "class Broken:\n"
        "    def __del__(self): raise ValueError\n"
        "Broken()\n"
        "1 / 0\n"
    )
    entries = entries_from(journal, program)
    assert [(priority, text.split("\n")[0].split(":")[0]) for priority, text in entries] == [
        (3, "root"),
        (6, "theirs IndexError"),
        (3, "root"),
        (6, "theirs ValueError"),
        (2, "root"),
        (6, "theirs ZeroDivisionError"),
    ]


def test_an_exception_is_printed_when_no_one_logs_it(journal: Journal) -> None:
    program = INSTALL + "logging.disable(logging.CRITICAL)\n1 / 0"
    entries = entries_from(journal, program)
    assert entries[0] == (6, "Traceback (most recent call last):")
    assert entries[-1] == (6, "ZeroDivisionError: division by zero")


def test_a_second_call_replaces_the_first(journal: Journal) -> None:
    program = INSTALL + "systemd_handler.install()\nlogging.info('once')\n1 / 0"
    entries = entries_from(journal, program)
    assert [priority for priority, _ in entries] == [6, 2]


def test_a_second_call_makes_no_circle_of_hooks(journal: Journal) -> None:
    program = INSTALL + (
        "ours = sys.excepthook\n"
        "sys.excepthook = lambda *details: ours(*details)\n"
        "systemd_handler.install()\n"
        "1 / 0\n"
    )
    entries = entries_from(journal, program)
    assert [priority for priority, _ in entries] == [2]


def test_handlers_of_others_stay(journal: Journal) -> None:
    program = (
        "import io, logging\n"
        "theirs = logging.StreamHandler(io.StringIO())\n"
        "logging.getLogger().addHandler(theirs)\n"
        f"{INSTALL}"
        "logging.error('text')\n"
        "print(theirs.stream.getvalue(), end='')\n"
    )
    assert entries_from(journal, program) == [(3, "root: text"), (6, "text")]


def test_elsewhere_a_line_has_time_and_level(run_elsewhere: RunElsewhere) -> None:
    result = run_elsewhere(INSTALL + "logging.getLogger('app').warning('two\\nlines')")
    assert re.fullmatch(
        rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARNING  app: two\nlines\n", result.stdout
    )


IMPORTED = "import logging, sys, systemd_handler\n"


def test_a_debug_invocation_is_one_at_debug(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = f"{IMPORTED}systemd_handler.install('ERROR'); logging.debug('seen')"
    assert entries_from(journal, program) == []
    monkeypatch.setenv("DEBUG_INVOCATION", "1")
    assert entries_from(journal, program) == [(7, "root: seen")]


def test_prints_are_entries_when_asked_for(journal: Journal) -> None:
    program = (
        f"{IMPORTED}systemd_handler.install(prints=True)\n"
        "print('a\\nb')\nprint('<0>x', file=sys.stderr)\nlogging.error('logged')\n"
    )
    assert entries_from(journal, program) == [(6, "a\nb"), (4, "<0>x"), (3, "root: logged")]


def test_fields_are_added_when_asked_for(journal: Journal) -> None:
    program = f"{IMPORTED}systemd_handler.install(extra=True)\nlogging.error('a', extra={{'b': 1}})"
    assert entries_from(journal, program) == [(3, "root: a b=1")]


def test_native_is_for_the_journal_alone(run_elsewhere: RunElsewhere) -> None:
    program = f"{IMPORTED}systemd_handler.install(native=True, fmt='%(message)s')\n"
    assert run_elsewhere(f"{program}logging.error('a\\nb')").stdout == b"a\nb\n"
