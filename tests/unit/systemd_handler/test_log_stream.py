"""Each handler decides for its own stream whether journald reads it."""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from systemd_handler import ExtraFormatter, SystemdHandler
from systemd_handler._escape import unescape
from systemd_handler._journald import under_journald

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.systemd_handler.conftest import Journal

    LoggerOf = Callable[[logging.Handler], logging.Logger]
    LogTo = Callable[[logging.Handler, str], None]


@pytest.fixture
def log_to(logger_of: LoggerOf) -> LogTo:
    return lambda handler, message: logger_of(handler).error(message)


def test_the_named_stream_is_the_journal(journal: Journal) -> None:
    assert under_journald(journal.stream.fileno())


def test_another_descriptor_is_not(journal: Journal, tmp_path: Path) -> None:
    with open(tmp_path / "log", "w", encoding="utf-8") as file:
        assert not under_journald(file.fileno())


def test_a_closed_descriptor_is_not(journal: Journal) -> None:
    fd = os.dup(journal.stream.fileno())
    assert under_journald(fd)
    os.close(fd)
    assert not under_journald(fd)


@pytest.mark.parametrize("value", [None, "", "8", "8:", "x:y", "8:1:2"])
def test_without_a_proper_variable_nothing_is(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv("JOURNAL_STREAM")
    else:
        monkeypatch.setenv("JOURNAL_STREAM", value)
    assert not under_journald(journal.stream.fileno())


def test_a_file_gets_readable_text_though_the_variable_is_inherited(
    journal: Journal, tmp_path: Path, log_to: LogTo
) -> None:
    with open(tmp_path / "log", "w", encoding="utf-8") as file:
        log_to(SystemdHandler(file), "C:\\temp\n\tnext\x1b[2J\ud800")
    assert (tmp_path / "log").read_text("utf-8") == "C:\\temp\n\tnext\\x1b[2J\\ud800\n"


def test_a_file_keeps_its_own_encoding(tmp_path: Path, log_to: LogTo) -> None:
    with open(tmp_path / "log", "w", encoding="utf-16") as file:
        handler = SystemdHandler(file)
        log_to(handler, "Grüße")
        log_to(handler, "nochmals")
    assert (tmp_path / "log").read_text("utf-16") == "Grüße\nnochmals\n"


def test_the_journal_gets_utf_8_whatever_the_stream_would_write(
    journal: Journal, log_to: LogTo
) -> None:
    latin = io.TextIOWrapper(journal.stream.detach(), encoding="latin-1")
    log_to(SystemdHandler(latin), "Grüße, 世界")
    assert journal.read() == "<3>Grüße, 世界\n".encode()
    journal.stream = latin


def test_a_wrapper_with_the_journals_descriptor_gets_lines_for_it(
    journal: Journal, log_to: LogTo
) -> None:
    class Tee:
        def __init__(self) -> None:
            self.copy = ""

        def fileno(self) -> int:
            return journal.stream.fileno()

        def write(self, text: str) -> None:
            self.copy += text

        def flush(self) -> None: ...

    tee = Tee()
    log_to(SystemdHandler(tee), "a\nb")  # type: ignore[arg-type]
    assert tee.copy == "<3>a\\nb\n"


@pytest.mark.parametrize(("journald", "data"), [(True, b"<3>a\\nb\n"), (False, b"a\nb\n")])
def test_the_decision_can_be_forced(
    journal: Journal, journald: bool, data: bytes, log_to: LogTo
) -> None:
    log_to(SystemdHandler(journal.stream, journald=journald), "a\nb")
    assert journal.read() == data


def test_a_new_stream_is_a_new_decision(journal: Journal, log_to: LogTo) -> None:
    handler = SystemdHandler(journal.stream)
    elsewhere = io.StringIO()
    assert handler.setStream(elsewhere) is journal.stream
    log_to(handler, "a\nb")
    assert elsewhere.getvalue() == "a\nb\n"
    handler.setStream(journal.stream)
    log_to(handler, "a\nb")
    assert journal.read() == b"<3>a\\nb\n"


def test_the_default_is_standard_error_as_it_is_now(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", journal.stream)
    assert SystemdHandler().stream is journal.stream


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"TERM": "xterm"}, "\x1b[1;31mbad\x1b[0m|fine|\x1b[1;33ma\nb\\x1b[0m\x1b[0m|"),
        ({"TERM": "xterm", "NO_COLOR": "1"}, "bad|fine|a\nb\\x1b[0m|"),
        ({"TERM": "dumb"}, "bad|fine|a\nb\\x1b[0m|"),
        ({}, "bad|fine|a\nb\\x1b[0m|"),
    ],
)
def test_a_terminal_gets_the_colours_of_priorities(
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    expected: str,
    logger_of: LoggerOf,
) -> None:
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    handler = SystemdHandler(stream)
    handler.terminator = "|"
    logger = logger_of(handler)
    logger.error("bad")
    logger.info("fine")
    logger.warning("a\nb\x1b[0m")
    assert stream.getvalue() == expected


@pytest.mark.parametrize("journald", [True, False])
def test_filters_are_asked(journal: Journal, journald: bool, logger_of: LoggerOf) -> None:
    handler = SystemdHandler(journal.stream, journald=journald)
    handler.addFilter(lambda record: "no" not in record.msg)
    logger = logger_of(handler)
    logger.error("yes")
    logger.error("no")
    assert [text for _, text in journal.entries()] == ["yes"]


def test_a_filter_puts_another_record_in_the_place_of_one(
    journal: Journal, logger_of: LoggerOf
) -> None:
    handler = SystemdHandler(journal.stream)
    another = logging.makeLogRecord({"msg": "another", "levelno": 40})
    handler.addFilter(lambda _: another)  # type: ignore[arg-type, return-value]
    logger_of(handler).info("one")
    # Filters of older Pythons only refuse.
    is_taken = sys.version_info >= (3, 12)
    assert journal.entries() == [(3, "another") if is_taken else (6, "one")]


@pytest.mark.parametrize(
    ("formatter", "text"),
    [
        (None, "100% of 3"),
        (logging.Formatter("%(name)s|%(message)s|%%"), "app|100% of 3|%"),
        (logging.Formatter("{name}|{message}|%", style="{"), "app|100% of 3|%"),
        (logging.Formatter("{message}|%(name)s", style="{"), "100% of 3|%(name)s"),
        (logging.Formatter("$name|$message|%", style="$"), "app|100% of 3|%"),
        (logging.Formatter("%(asctime)s|%(message)s", datefmt="time"), "time|100% of 3"),
    ],
)
def test_a_formatter_says_what_it_would_elsewhere(
    journal: Journal, formatter: logging.Formatter | None, text: str, logger_of: LoggerOf
) -> None:
    handler = SystemdHandler(journal.stream)
    logger = logger_of(handler)
    handler.setFormatter(formatter)
    logger.info("100%% of %d", 3)
    assert journal.entries() == [(6, text)]


FIELDS = (
    "message",
    "name",
    "levelname",
    "lineno",
    "args",
    "odd",
    "asctime",
    "getMessage",
    "lacking",
    "a b",
)


@given(
    template=st.lists(
        st.one_of(
            st.sampled_from(
                ["%%", "% %", "%", "%%%", "%5", "text", " ", "(name)s", "%s", "%(", "\\"]
            ),
            st.builds(
                "%({}){}{}".format,
                st.sampled_from(FIELDS),
                st.sampled_from(["", "-12", "05", ".3", "-8.2", "+", "#", " ", "*", "h"]),
                st.sampled_from("srdxc%"),
            ),
        ),
        max_size=5,
    ).map("".join),
    odd=st.one_of(st.text(), st.integers(), st.tuples(st.text()), st.none()),
)
@example(template="%(odd)s", odd=("a tuple",))
@example(template="% %(message)s", odd=None)
@example(template="%(message)s%s%", odd=None)
@example(template="%(message)s %(lacking)s", odd=None)
@example(template="%(getMessage)s", odd=None)
@example(template="%(asctime)s %(message)s", odd=None)
def test_each_template_gives_what_its_formatter_gives(template: str, odd: object) -> None:
    made = logging.LogRecord("app", 40, "/app.py", 7, "%s of it", ("all",), None)
    # And what another handler may have set.
    attributes = {**made.__dict__, "odd": odd, "asctime": "then", "message": "before"}
    formatter = logging.Formatter(template, "%Y", validate=False)
    try:
        expected = formatter.format(logging.makeLogRecord(attributes))
    except (OverflowError, TypeError, ValueError) as error:
        expected = traceback.format_exception_only(type(error), error)[-1].rstrip()
    written = io.BytesIO()
    handler = SystemdHandler(io.TextIOWrapper(written, "utf-8", newline=""), journald=True)
    handler.setFormatter(formatter)
    handler.handle(logging.makeLogRecord(attributes))
    (line,) = written.getvalue().decode().splitlines()
    assert line.startswith("<3>")
    assert unescape(line[3:]).endswith(expected)


@pytest.mark.skipif(sys.version_info < (3, 10), reason="Python 3.9 has no defaults")
def test_defaults_of_a_formatter_are_used(journal: Journal, logger_of: LoggerOf) -> None:
    handler = SystemdHandler(journal.stream)
    handler.setFormatter(logging.Formatter("%(user)s %(message)s", defaults={"user": "none"}))
    logger_of(handler).info("text")
    assert journal.entries() == [(6, "none text")]


def test_a_formatter_that_is_changed_says_what_it_would_elsewhere(
    journal: Journal, logger_of: LoggerOf
) -> None:
    # Redaction is put on formatters in this way, among others.
    formatter = logging.Formatter("A %(message)s")
    handler = SystemdHandler(journal.stream)
    handler.setFormatter(formatter)
    logger = logger_of(handler)
    logger.error("1")
    formatter._style._fmt = "B %(message)s"
    logger.error("2")
    formatter.formatMessage = lambda record: f"C {record.message}"  # type: ignore[method-assign]
    logger.error("3")
    formatter.format = lambda record: f"D {record.msg}"  # type: ignore[method-assign]
    logger.error("4")
    assert [text for _, text in journal.entries()] == ["A 1", "B 2", "C 3", "D 4"]


def test_a_handler_says_what_its_own_format_gives(journal: Journal, logger_of: LoggerOf) -> None:
    class Handler(SystemdHandler):
        def format(self, record: logging.LogRecord) -> str:
            return f"own {record.getMessage()}"

    logger_of(Handler(journal.stream)).error("text")
    assert journal.entries() == [(3, "own text")]


def test_functions_put_on_a_handler_are_called(journal: Journal, logger_of: LoggerOf) -> None:
    formatting, filtering = SystemdHandler(journal.stream), SystemdHandler(journal.stream)
    for handler in (formatting, filtering):
        logger_of(handler).error("plain")
    formatting.format = lambda record: f"own {record.msg}"  # type: ignore[method-assign]
    filtering.filter = lambda record: record.msg == "yes"  # type: ignore[method-assign]
    for message in ("yes", "no"):
        for handler in (formatting, filtering):
            handler.handle(logging.makeLogRecord({"msg": message}))
    texts = [text for _, text in journal.entries()]
    assert texts == ["plain", "plain", "own yes", "yes", "own no"]


@pytest.mark.parametrize("of", ["formatter", "changed formatter", "handler", "stream"])
def test_who_counts_on_the_lock_has_it(journal: Journal, of: str, logger_of: LoggerOf) -> None:
    inside: list[bool] = []

    class Formatter(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            inside.append(held_by_another())
            return super().format(record)

    class Handler(SystemdHandler):
        def emit(self, record: logging.LogRecord) -> None:
            inside.append(held_by_another())
            super().emit(record)

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            inside.append(held_by_another())
            return super().write(text)

    def held_by_another() -> bool:
        taken: list[bool] = []

        def try_it() -> None:
            taken.append(take(handler))

        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
        return not taken[0]

    kind = Handler if of == "handler" else SystemdHandler
    handler = kind(Stream() if of == "stream" else journal.stream)
    # A formatter that needs no lock.
    handler.setFormatter(Formatter() if of == "formatter" else ExtraFormatter())
    logger = logger_of(handler)
    if of == "changed formatter":
        formatter = logging.Formatter()
        handler.setFormatter(formatter)
        formatter.format = Formatter().format  # type: ignore[method-assign]
        logger.error("by this one the change is seen")
        inside.clear()
    logger.error("one")
    logger.error("two")
    assert inside == [True, True]


@pytest.mark.parametrize(
    "formatter", [None, logging.Formatter("%(name)s %(message)s"), ExtraFormatter()]
)
def test_nobody_else_waits_for_the_lock(
    journal: Journal, formatter: logging.Formatter | None, logger_of: LoggerOf
) -> None:
    handler = SystemdHandler(journal.stream)
    handler.setFormatter(formatter)
    handler.addFilter(lambda _: True)
    logger = logger_of(handler)
    assert take(handler, for_good=True)
    thread = threading.Thread(target=logger.error, args=("text",), daemon=True)
    thread.start()
    thread.join(timeout=30)
    assert not thread.is_alive()


def take(handler: logging.Handler, *, for_good: bool = False) -> bool:
    """Try to take the lock of *handler*; say whether this thread got it."""
    lock = handler.lock
    assert lock is not None
    taken: bool = lock.acquire(blocking=False)
    if taken and not for_good:
        lock.release()
    return taken
