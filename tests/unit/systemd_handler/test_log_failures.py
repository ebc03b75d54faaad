"""A record that cannot be written is reported, and the program lives on."""

from __future__ import annotations

import io
import logging
import os
from typing import TYPE_CHECKING

import pytest

from systemd_handler import SystemdHandler
from systemd_handler._escape import unescape

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.systemd_handler.conftest import Journal

    LoggerOf = Callable[[logging.Handler], logging.Logger]


class Unprintable:
    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


def test_wrong_arguments_are_one_entry_that_says_where(
    journal: Journal, capsys: pytest.CaptureFixture[str], logger_of: LoggerOf
) -> None:
    logger_of(SystemdHandler(journal.stream)).info("%d items", "many")
    [(priority, text)] = journal.entries()
    first, second, *_, last = unescape(text).split("\n")
    assert priority == 3
    assert first.startswith(f"Logging error at {__file__}:")
    assert first.endswith("logger 'app': message '%d items', arguments ('many',)")
    assert second == "Traceback (most recent call last):"
    assert last.startswith("TypeError: ")
    assert capsys.readouterr().err == ""


def test_an_object_without_text_is_one_entry(journal: Journal, logger_of: LoggerOf) -> None:
    logger_of(SystemdHandler(journal.stream)).info("value %s", Unprintable())
    [(priority, text)] = journal.entries()
    assert priority == 3
    assert "neither message nor arguments can be shown" in text
    assert text.endswith("ValueError: no text")


def test_reports_can_be_turned_off(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, logger_of: LoggerOf
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logger_of(SystemdHandler(journal.stream)).info("%d items", "many")
    assert journal.read() == b""


def test_elsewhere_the_report_is_that_of_logging(
    capsys: pytest.CaptureFixture[str], logger_of: LoggerOf
) -> None:
    stream = io.StringIO()
    logger_of(SystemdHandler(stream)).info("%d items", "many")
    assert stream.getvalue() == ""
    assert capsys.readouterr().err.startswith("--- Logging error ---\n")


def test_a_journal_that_is_gone_ends_nothing(journal: Journal, logger_of: LoggerOf) -> None:
    logger = logger_of(SystemdHandler(journal.stream))
    os.close(journal.reader)
    logger.info("into the void")
    journal.reader = os.open(os.devnull, os.O_RDONLY)


def test_a_closed_stream_is_never_written_to_by_its_number(
    journal: Journal, logger_of: LoggerOf
) -> None:
    # The number may belong to a file of the program by then.
    logger = logger_of(SystemdHandler(journal.stream))
    number = journal.stream.fileno()
    spare = os.dup(number)
    journal.stream.close()
    os.dup2(spare, number)
    logger.info("into the void")
    assert journal.read() == b""
    os.close(number)
    os.close(spare)


def test_a_process_without_standard_error_can_log(
    monkeypatch: pytest.MonkeyPatch, logger_of: LoggerOf
) -> None:
    monkeypatch.setattr("sys.stderr", None)
    logger_of(SystemdHandler()).info("into the void")


def test_recursion_errors_are_not_handled_but_raised(journal: Journal, logger_of: LoggerOf) -> None:
    class Recursive:
        def __str__(self) -> str:
            raise RecursionError

    with pytest.raises(RecursionError):
        logger_of(SystemdHandler(journal.stream)).info("%s", Recursive())
