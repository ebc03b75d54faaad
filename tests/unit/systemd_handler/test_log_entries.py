"""Each record is one entry, whatever it carries, and one whole write."""

from __future__ import annotations

import io
import logging
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from systemd_handler import SystemdHandler
from systemd_handler._escape import unescape

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.systemd_handler.conftest import Journal

    LoggerOf = Callable[[logging.Handler], logging.Logger]


@pytest.fixture
def logger(journal: Journal, logger_of: LoggerOf) -> logging.Logger:
    """A logger that writes to the journal."""
    return logger_of(SystemdHandler(journal.stream))


@given(st.text(st.characters()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_message_is_one_line(journal: Journal, logger: logging.Logger, message: str) -> None:
    logger.error("%s", message)
    data = journal.read()
    assert data.startswith(b"<3>")
    assert data.endswith(b"\n")
    assert not any(byte in data[:-1] for byte in b"\n\r\0")
    [(priority, text)] = journal.entries_of(data)
    assert (priority, unescape(text)) == (3, message)


@pytest.mark.parametrize("message", ["a\n<0>forged", "a\0<0>forged", "a\r<0>forged", "<0>forged"])
def test_a_message_cannot_forge_an_entry_or_a_priority(
    journal: Journal, logger: logging.Logger, message: str
) -> None:
    logger.info(message)
    [(priority, text)] = journal.entries()
    assert (priority, unescape(text)) == (6, message)


@pytest.mark.parametrize("message", ["", " ", "\t\n", "text  "])
def test_blank_messages_and_trailing_white_space_are_kept(
    journal: Journal, logger: logging.Logger, message: str
) -> None:
    logger.info(message)
    [(_, text)] = journal.entries()
    assert unescape(text) == message


def test_a_chained_traceback_is_one_entry(journal: Journal, logger: logging.Logger) -> None:
    try:
        try:
            raise KeyError("inner\n<0>forged")
        except KeyError as error:
            raise ValueError("outer") from error
    except ValueError:
        logger.exception("it failed")
    [(priority, text)] = journal.entries()
    first, *traceback = unescape(text).split("\n")
    assert (priority, first) == (3, "it failed")
    assert traceback[0] == "Traceback (most recent call last):"
    assert "The above exception was the direct cause of the following exception:" in traceback
    assert traceback[-1] == "ValueError: outer"


def test_stack_info_is_in_the_entry(journal: Journal, logger: logging.Logger) -> None:
    logger.warning("here", stack_info=True)
    [(priority, text)] = journal.entries()
    assert priority == 4
    assert unescape(text).startswith("here\nStack (most recent call last):\n")


def test_a_traceback_formatted_elsewhere_is_used(journal: Journal) -> None:
    # As QueueHandler and SocketHandler send records on.
    record = logging.LogRecord("app", logging.ERROR, "app.py", 1, "text", (), None)
    record.exc_text = "Traceback: elsewhere"
    SystemdHandler(journal.stream).handle(record)
    assert journal.entries() == [(3, r"text\nTraceback: elsewhere")]


def test_a_record_is_one_write_and_no_half_line_comes_before_it(logger: logging.Logger) -> None:
    # A pipe in packet mode keeps the writes apart for the reader.
    reader, writer = os.pipe2(os.O_DIRECT)
    with (
        open(writer, "w", encoding="utf-8") as stream,
        open(reader, "rb", buffering=0) as packets,
    ):
        stream.write("held since before\n")
        logger.handlers = [SystemdHandler(stream, journald=True)]
        stream.write("half a line, ")
        logger.info("one\ntwo")
        logger.info("three")
        stream.write("and its end\n")
        assert packets.read(4096) == b"held since before\n"
        assert packets.read(4096) == b"<6>one\\ntwo\n"
        assert packets.read(4096) == b"<6>three\n"
        assert packets.read(4096) == b"half a line, and its end\n"


def test_a_long_record_is_several_entries_of_its_priority(
    journal: Journal, logger: logging.Logger
) -> None:
    logger.error("%s<0>forged", "x" * 40_000)
    entries = journal.entries()
    assert [priority for priority, _ in entries] == [3, 3]
    assert [text[:6] for _, text in entries] == ["[1/2] ", "[2/2] "]
    logger.info("after")
    assert journal.entries() == [(6, "after")]


def test_nothing_is_lost_when_the_descriptor_does_not_block(
    journal: Journal, logger: logging.Logger
) -> None:
    os.set_blocking(journal.stream.fileno(), False)
    os.set_blocking(journal.reader, True)
    message = "x" * 30_000  # of ten such lines a pipe holds two: short writes, then EAGAIN
    received = bytearray()

    def drain() -> None:
        while received.count(b"\n") < 10:
            received.extend(os.read(journal.reader, 4096))

    drained = threading.Thread(target=drain, daemon=True)
    drained.start()
    for _ in range(10):
        logger.info(message)
    drained.join(30)
    assert bytes(received) == f"<6>{message}\n".encode() * 10


def test_text_held_by_a_full_stream_goes_first(journal: Journal, logger_of: LoggerOf) -> None:
    os.set_blocking(journal.stream.fileno(), False)
    while True:  # fill the pipe
        try:
            os.write(journal.stream.fileno(), b"." * 4096)
        except BlockingIOError:
            break
    journal.stream.write("printed\n")
    os.set_blocking(journal.reader, True)
    received = bytearray()

    def drain() -> None:
        time.sleep(0.2)  # what comes first finds it full
        while not received.endswith(b"logged\n"):
            received.extend(os.read(journal.reader, 4096))

    drained = threading.Thread(target=drain, daemon=True)
    drained.start()
    logger_of(SystemdHandler(journal.stream)).info("logged")
    drained.join(30)
    assert received.lstrip(b".") == b"printed\n<6>logged\n"


def test_a_stream_without_descriptor_gets_the_same_lines(logger_of: LoggerOf) -> None:
    stream = io.StringIO()
    logger_of(SystemdHandler(stream, journald=True)).error("a\nb")
    assert stream.getvalue() == "<3>a\\nb\n"


def test_layers_that_change_what_is_written_are_not_passed_by(
    journal: Journal, logger_of: LoggerOf
) -> None:
    class Shouting(io.TextIOWrapper):
        def write(self, text: str) -> int:
            return super().write(text.upper())

    stream = Shouting(journal.stream.buffer, encoding="utf-8")
    logger_of(SystemdHandler(stream)).error("text")
    assert journal.read() == b"<3>TEXT\n"
    stream.detach()


def test_a_child_can_log_that_was_forked_while_a_thread_printed(journal: Journal) -> None:
    # The buffer's lock is held at the moment of the fork, and nobody lets go of it in the child.
    program = (
        "import logging, os, sys, threading, systemd_handler\n"
        "logging.getLogger().addHandler(systemd_handler.SystemdHandler(sys.stdout))\n"
        "def spin():\n"
        "    while True: sys.stdout.buffer.write(b''); sys.stdout.buffer.flush()\n"
        "threading.Thread(target=spin, daemon=True).start()\n"
        "for child in range(200):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        logging.error('child'); os._exit(0)\n"
        "    os.waitpid(pid, 0)\n"
        "os._exit(0)\n"
    )
    assert journal.run(program).returncode == 0
    assert [entry for entry in journal.entries() if entry[0] == 3] == [(3, "child")] * 200


def test_prints_and_records_keep_their_order(journal: Journal) -> None:
    program = (
        "import logging, sys, systemd_handler\n"
        "handler = systemd_handler.SystemdHandler(sys.stdout)\n"
        "logging.getLogger().addHandler(handler)\n"
        "print('printed')\n"
        "logging.error('logged')\n"
        "print('again')\n"
    )
    assert journal.run(program).returncode == 0
    assert journal.entries() == [(6, "printed"), (3, "logged"), (6, "again")]
