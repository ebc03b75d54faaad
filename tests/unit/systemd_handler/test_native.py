"""Records by the native protocol: fields, newlines, sizes, and a journald that goes away."""

from __future__ import annotations

import logging
import mmap
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import systemd_handler
from systemd_handler import NativeHandler

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from unit.systemd_handler.conftest import Journal

    RunElsewhere = Callable[[str], subprocess.CompletedProcess[bytes]]
    LoggerOf = Callable[[logging.Handler], logging.Logger]


class Socket:
    """A stand-in for journald's socket, which reads entries as journald does."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._listener.bind(path)
        self._listener.settimeout(10)

    def read(self) -> dict[str, str]:
        data, fds, _, _ = socket.recv_fds(self._listener, 1 << 20, 1)
        for fd in fds:
            with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as file:
                data = file[:]
            os.close(fd)
        entry = {}
        while data:
            line, _, data = data.partition(b"\n")
            name, equals, value = line.partition(b"=")
            if not equals:
                size = int.from_bytes(data[:8], "little")
                value, data = data[8 : 8 + size], data[8 + size + 1 :]
            entry[name.decode()] = value.decode()
        return entry

    def raw(self) -> bytes:
        return self._listener.recv(1 << 20)

    def close(self) -> None:
        self._listener.close()
        os.unlink(self.path)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "socket")


@pytest.fixture
def journald(path: str) -> Iterator[Socket]:
    listener = Socket(path)
    yield listener
    listener.close()


@pytest.fixture
def logger(path: str, logger_of: LoggerOf) -> Iterator[logging.Logger]:
    handler = NativeHandler(path=path, fields={"REGION": "north"})
    yield logger_of(handler)
    handler.close()


def test_a_record_is_an_entry_with_its_fields(journald: Socket, logger: logging.Logger) -> None:
    logger.warning("a\n\tb %s", "ü=\\")
    entry = journald.read()
    assert entry.pop("SYSLOG_IDENTIFIER")
    assert int(entry.pop("CODE_LINE")) > 0
    assert entry == {
        "MESSAGE": "a\n\tb ü=\\",
        "PRIORITY": "4",
        "LOGGER": "app",
        "CODE_FILE": __file__,
        "CODE_FUNC": "test_a_record_is_an_entry_with_its_fields",
        "THREAD_NAME": "MainThread",
        "REGION": "north",
    }


def test_what_it_belongs_to_is_in_fields(journald: Socket, logger: logging.Logger) -> None:
    with systemd_handler.context(order=7, message="other"):
        logger.info("paid", extra={"otelTraceID": "4bf9", "otelSpanID": "00f0"})
    entry = journald.read()
    assert entry["MESSAGE"] == "paid"
    named = {name: entry[name] for name in ("ORDER", "EXTRA_MESSAGE", "TRACE_ID", "SPAN_ID")}
    assert named == {"ORDER": "7", "EXTRA_MESSAGE": "other", "TRACE_ID": "4bf9", "SPAN_ID": "00f0"}


def test_no_text_makes_the_message_a_blob(journald: Socket, logger: logging.Logger) -> None:
    logger.info("a\0b\x1b\ud800\ufffe\r")
    assert journald.read()["MESSAGE"] == r"a\x00b\x1b\ud800\ufffe\r"


def test_an_exception_is_in_the_message_and_named(journald: Socket, logger: logging.Logger) -> None:
    try:
        os.stat("/missing")
    except FileNotFoundError:
        logger.exception("no")
    entry = journald.read()
    assert entry["EXCEPTION"] == "builtins.FileNotFoundError"
    assert len(entry["EXCEPTION_FINGERPRINT"]) == 12
    assert entry["MESSAGE"].startswith("no\nTraceback (most recent call last):\n")


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("order_id", "ORDER_ID"),
        ("MESSAGE", "EXTRA_MESSAGE"),
        ("priority", "EXTRA_PRIORITY"),
        ("_PID", "EXTRA_PID"),
        ("__CURSOR", "EXTRA_CURSOR"),
        ("9lives", "EXTRA_9LIVES"),
        ("a-b c\nd=e", "A_B_C_D_E"),
        ("", "EXTRA_"),
        ("x" * 100, "X" * 64),
        ("logger", "EXTRA_LOGGER"),
    ],
)
def test_a_name_of_extra_becomes_a_field_that_poses_as_no_other(
    journald: Socket, logger: logging.Logger, name: str, field: str
) -> None:
    logger.error("text", extra={name: "a\nPRIORITY=0"})
    entry = journald.read()
    assert entry[field] == "a\nPRIORITY=0"
    assert (entry["MESSAGE"], entry["PRIORITY"], entry["LOGGER"]) == ("text", "3", "app")


def test_names_that_become_one_field_lose_nothing(path: str, logger: logging.Logger) -> None:
    listener = Socket(path)
    record = logging.makeLogRecord({"msg": "text", "order-id": 1, "order_id": 2})
    record.__dict__[7] = 3  # type: ignore[index] # as `extra={7: 3}` does
    logger.handlers[0].handle(record)
    data = listener.raw()
    assert b"ORDER_ID=1\n" in data
    assert b"ORDER_ID=2\n" in data
    assert b"EXTRA_7=3\n" in data
    listener.close()


def test_an_entry_that_no_datagram_can_hold_is_a_sealed_file(
    journald: Socket, logger: logging.Logger
) -> None:
    logger.info("large", extra={"body": "x" * 5_000_000})
    entry = journald.read()
    assert (entry["MESSAGE"], len(entry["BODY"])) == ("large", 5_000_000)


@pytest.mark.parametrize("name", ["lower", "_PID", "MESSAGE", "", "9A", "A" * 65, "A-B"])
def test_a_bad_name_of_a_field_is_refused(path: str, name: str) -> None:
    with pytest.raises(ValueError, match="is no name for a field"):
        NativeHandler(path=path, fields={name: "x"})


def test_what_is_lost_while_journald_is_away_is_counted(path: str, logger: logging.Logger) -> None:
    first = Socket(path)
    logger.info("one")
    assert first.read()["MESSAGE"] == "one"
    first.close()
    logger.info("two")
    logger.info("three")
    second = Socket(path)
    logger.info("four")
    entry = second.read()
    assert (entry["PRIORITY"], entry["MESSAGE"]) == (
        "4",
        "2 entries were lost here while journald was away",
    )
    assert second.read()["MESSAGE"] == "four"
    logger.info("five")
    assert second.read()["MESSAGE"] == "five"
    second.close()


def test_a_record_that_cannot_be_formatted_is_one_entry(
    journald: Socket, logger: logging.Logger
) -> None:
    logger.info("%d", "bad")
    entry = journald.read()
    assert entry["PRIORITY"] == "3"
    assert entry["MESSAGE"].startswith("Logging error at ")
    assert "TypeError" in entry["MESSAGE"]


def test_a_handler_that_was_closed_can_still_send(journald: Socket, logger: logging.Logger) -> None:
    logger.info("in time")
    assert journald.read()["MESSAGE"] == "in time"
    logger.handlers[0].close()
    logger.info("late")
    assert journald.read()["MESSAGE"] == "late"


def test_settings_can_make_one(path: str, journald: Socket) -> None:
    import logging.config

    settings: dict[str, Any] = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"journal": {"class": "systemd_handler.NativeHandler", "path": path}},
        "loggers": {"native": {"handlers": ["journal"], "level": "INFO", "propagate": False}},
    }
    logging.config.dictConfig(settings)
    logging.getLogger("native").info("text")
    assert journald.read()["LOGGER"] == "native"
    logging.getLogger("native").handlers.pop().close()


HYBRID = """
import logging, systemd_handler
handler = systemd_handler.HybridHandler({arguments})
handler.setFormatter(logging.Formatter("[%(message)s]"))
logging.basicConfig(level=logging.INFO, handlers=[handler])
logging.info("many")
logging.log({level}, "few", extra={{"order": 7}})
"""


@pytest.mark.parametrize(("since", "level"), [("", 30), ("logging.ERROR, ", 45)])
def test_what_matters_has_fields_and_the_rest_are_lines(
    journal: Journal, journald: Socket, since: str, level: int
) -> None:
    journal.run(HYBRID.format(arguments=f"{since}path={journald.path!r}", level=level))
    entry = journald.read()
    assert (entry["MESSAGE"], entry["ORDER"]) == ("[few]", "7")
    assert journal.entries() == [(6, "[many]")]


def test_without_a_journal_all_are_lines(run_elsewhere: RunElsewhere) -> None:
    program = HYBRID.format(arguments="stream=__import__('sys').stdout", level=30)
    assert run_elsewhere(program).stdout == b"[many]\n[few]\n"


def test_install_takes_the_level_from_which_it_is_native(journal: Journal) -> None:
    journal.run(
        "import logging, systemd_handler\n"
        "handler = systemd_handler.install(native=logging.ERROR, fmt='%(message)s')\n"
        "logging.warning('a line')\n"
        "assert type(handler) is systemd_handler.HybridHandler\n"
    )
    assert journal.entries() == [(4, "a line")]
