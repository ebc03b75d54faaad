"""Streams of the journal that die, and new ones in their place."""

from __future__ import annotations

import faulthandler
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from systemd_handler import SystemdHandler, _journald

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    LoggerOf = Callable[[logging.Handler], logging.Logger]
    InAnotherThread = Callable[[Callable[[], object]], None]


@pytest.fixture(params=["this thread", "others"])
def logger_of(
    request: pytest.FixtureRequest, logger_of: LoggerOf, in_another_thread: InAnotherThread
) -> LoggerOf:
    """Make a logger whose records this thread handles, or each a thread of its own."""
    if request.param == "this thread":
        return logger_of

    def logger_of_others(handler: logging.Handler) -> logging.Logger:
        logger = logger_of(handler)
        handle = logger.handle
        logger.handle = lambda record: in_another_thread(lambda: handle(record))  # type: ignore[method-assign]
        return logger

    return logger_of_others


class Listener:
    """A stand-in for journald that takes streams and can go away with its socket."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._listener: socket.socket | None = None
        self._streams: list[socket.socket] = []

    def start(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self._path)
        self._listener.listen()
        self._listener.settimeout(10)

    def accept(self) -> socket.socket:
        assert self._listener is not None
        stream, _ = self._listener.accept()
        stream.settimeout(10)
        self._streams.append(stream)
        return stream

    def stop(self) -> None:
        for stream in self._streams:
            stream.close()
        self._streams.clear()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            os.unlink(self._path)


@pytest.fixture
def journald(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    path = str(tmp_path / "stdout")
    monkeypatch.setattr(_journald, "STDOUT_SOCKET", path)
    listener = Listener(path)
    listener.start()
    yield listener
    listener.stop()


@pytest.fixture
def stream(journald: Listener, monkeypatch: pytest.MonkeyPatch) -> Iterator[TextIO]:
    """A stream as systemd makes it for a service."""
    fd = _journald.open_stream(6, prefixes=True)
    status = os.fstat(fd)
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    with open(fd, "w", encoding="utf-8") as stream:
        yield stream


def header(stream: socket.socket) -> list[str]:
    return receive(stream, 7).decode().splitlines()


def receive(stream: socket.socket, lines: int) -> bytes:
    data = b""
    while data.count(b"\n") < lines:
        data += stream.recv(1 if lines == 7 else 65536)
    return data


def test_a_stream_begins_with_who_writes_and_how(journald: Listener, stream: TextIO) -> None:
    name, unit, *rest = header(journald.accept())
    assert name == _journald.identifier()
    assert unit == ""
    assert rest == ["6", "1", "0", "0", "0"]


def test_what_is_lost_is_counted_and_said_first(
    journald: Listener, stream: TextIO, logger_of: LoggerOf
) -> None:
    handler = SystemdHandler(stream)
    assert handler.journald
    logger = logger_of(handler)
    first = journald.accept()
    header(first)
    logger.info("one")
    assert receive(first, 1) == b"<6>one\n"
    journald.stop()
    for _ in range(3):
        logger.error("nobody hears")
    journald.start()
    logger.error("x" * 40_000)
    second = journald.accept()
    header(second)
    report, *pieces = receive(second, 3).split(b"\n")[:-1]
    assert report == b"<4>3 entries were lost here while journald was away"
    assert [piece[:8] for piece in pieces] == [b"<3>[1/2]", b"<3>[2/2]"]
    logger.info("two")
    assert receive(second, 1) == b"<6>two\n"
    status = os.fstat(stream.fileno())
    assert os.environ["JOURNAL_STREAM"] == f"{status.st_dev}:{status.st_ino}"
    assert SystemdHandler(stream).journald


def test_each_handler_says_what_it_has_lost(
    journald: Listener, stream: TextIO, logger_of: LoggerOf
) -> None:
    # The one that comes first finds journald again for both, since they have one descriptor.
    one, other = (logger_of(SystemdHandler(stream)) for _ in range(2))
    journald.stop()
    for logger in (one, other, other):
        logger.error("nobody hears")
    journald.start()
    one.info("one")
    second = journald.accept()
    header(second)
    other.info("other")
    assert receive(second, 4).split(b"\n")[:-1] == [
        b"<4>1 entry was lost here while journald was away",
        b"<6>one",
        b"<4>2 entries were lost here while journald was away",
        b"<6>other",
    ]


def test_one_that_only_the_stream_lost_is_written_anew(
    journald: Listener, stream: TextIO, logger_of: LoggerOf
) -> None:
    logger = logger_of(SystemdHandler(stream))
    journald.accept().close()
    logger.info("one")
    second = journald.accept()
    header(second)
    assert receive(second, 1) == b"<6>one\n"


def test_a_journald_that_closes_every_stream_holds_nobody_up(
    journald: Listener, stream: TextIO, logger_of: LoggerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_dead(*_: object, **__: object) -> int:
        ours, theirs = socket.socketpair()
        theirs.close()
        return ours.detach()

    monkeypatch.setattr(_journald, "open_stream", open_dead)
    journald.accept().close()
    logger_of(SystemdHandler(stream)).info("into the void")


def test_what_was_only_said_to_lead_to_journald_is_not_replaced(
    journald: Listener, logger_of: LoggerOf
) -> None:
    reader, writer = os.pipe()
    before = os.fstat(writer).st_ino
    with open(writer, "w", encoding="utf-8") as stream:
        logger = logger_of(SystemdHandler(stream, journald=True))
        os.close(reader)
        logger.error("nobody hears")
        assert os.fstat(writer).st_ino == before


def test_a_stream_for_dumps_that_the_program_has_closed_is_not_touched(
    journald: Listener, tmp_path: Path
) -> None:
    from systemd_handler import _faults

    was_enabled = faulthandler.is_enabled()
    _faults.log_fatal_signals()
    assert _faults._stream is not None
    fd, _ = _faults._stream
    try:
        with open(tmp_path / "data", "w", encoding="utf-8") as file:
            os.dup2(file.fileno(), fd)
            _faults.log_fatal_signals_again()
            assert os.fstat(fd).st_ino == os.fstat(file.fileno()).st_ino
    finally:
        os.close(fd)
        _faults._stream = None
        if was_enabled:
            faulthandler.enable()
        else:
            faulthandler.disable()


def test_streams_that_were_the_same_stay_the_same(
    journald: Listener, stream: TextIO, logger_of: LoggerOf
) -> None:
    program_streams = [os.dup(1), os.dup(2)]
    try:
        os.dup2(stream.fileno(), 2)
        before = os.fstat(1).st_ino
        journald.accept().close()
        logger_of(SystemdHandler(stream)).info("one")
        assert os.fstat(2).st_ino == os.fstat(stream.fileno()).st_ino
        assert os.get_inheritable(2)
        assert not os.get_inheritable(stream.fileno())
        assert os.fstat(1).st_ino == before
    finally:
        os.dup2(program_streams[0], 1)
        os.dup2(program_streams[1], 2)
        for fd in program_streams:
            os.close(fd)


def test_a_stream_is_known_by_the_address_of_its_socket(
    journald: Listener, stream: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of two streams $JOURNAL_STREAM names only one.
    monkeypatch.setenv("JOURNAL_STREAM", "1:2")
    assert _journald.under_journald(stream.fileno())
    one, other = socket.socketpair()
    assert not _journald.under_journald(one.fileno())
    one.close()
    other.close()
