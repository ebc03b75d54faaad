"""Whole lines into a stream, below its text layer.

A text stream buffers, and its buffer does harm here: it may split a line between
two writes, which journald then mixes with the lines of other writers, and it loses
data when the descriptor does not block.
"""

from __future__ import annotations

import io
import os
import select
from _thread import RLock, get_ident

from systemd_handler import _gil
from systemd_handler._escape import escape
from systemd_handler._faults import log_fatal_signals_again
from systemd_handler._imported import when_imported
from systemd_handler._journald import GONE, loss, reopen
from systemd_handler._levels import PREFIXES, WARNING
from systemd_handler._pieces import LARGEST, cut

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

_ATTEMPTS = 3  # at a journald that takes a stream and closes it at once

# Held by who writes more than one line that belong together. Reentrant for signal handlers.
_several = RLock()


def _free_after_fork() -> None:
    global _several
    _several = RLock()


os.register_at_fork(after_in_child=_free_after_fork)


class JournalLines:
    """Entries for journald by way of a raw file that it reads.

    One write an entry, which needs no lock: the kernel keeps lines of this size
    apart, also those of other processes. A longer text becomes several lines. Once a thread
    writes that is not the one which made this object, lines are written holding the GIL.

    When journald has gone and left the stream dead, a new one takes its place as soon as
    there is a journald again. The entries that nobody took in between are counted, and
    their number is the first entry of the new stream.
    """

    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw
        self._lost = 0
        self._maker: int | None = get_ident()  # the thread; None once another one has written
        when_imported("threading", _gil.load)

    def write(self, level: int, text: str) -> None:
        """Write *text* as one entry, with the priority of *level*, a level of `logging`.

        Raises `OSError` and `ValueError` when the file is no longer open, or fails for
        another reason than that journald has gone.
        """
        # Else escape() leaves it as it is, and to see that here is cheaper than to call it.
        if not text or not text.isprintable() or "\\" in text or text[-1] == " ":
            text = escape(text)
        data = f"{PREFIXES[level]}{text}\n".encode()
        if len(data) > LARGEST or self._lost:
            self._write_all([b"%s%s\n" % (data[:3], piece) for piece in cut(data[3:-1])])
            return
        try:
            # As write_whole() does, without the call.
            if get_ident() == self._maker:
                written = self._raw.write(data)
            else:
                self._maker = None
                written = _gil.send(self._raw.fileno(), data)
                if written < 0:  # the usual way waits, or says what the matter is
                    written = self._raw.write(data)
            if written != len(data):
                _write_rest(self._raw, data, written)
        except OSError as error:
            self._write_again(data, error)

    def write_at_once(self, level: int, text: str) -> bool:
        """Write *text* as `write` does, if that is simple and the file a socket that takes it now.

        Holding the GIL in every thread. Say whether it was written; nothing of it was if not.
        """
        if not text or not text.isprintable() or "\\" in text or text[-1] == " ":
            return False
        data = f"{PREFIXES[level]}{text}\n".encode()
        if len(data) > LARGEST or self._lost:
            return False
        written = _gil.send(self._raw.fileno(), data)
        if written < 0:
            return False
        if written != len(data):
            try:
                _write_rest(self._raw, data, written)
            except OSError as error:
                self._write_again(data, error)
        return True

    def _write_again(self, data: bytes, error: OSError) -> None:
        if error.errno not in GONE:
            raise error
        self._write_all([data])

    def _write_all(self, lines: Sequence[bytes]) -> None:
        with _several:
            for _ in range(_ATTEMPTS):
                if self._try([*self._report(), *lines]):
                    self._lost = 0
                    return
                if not reopen(self._raw.fileno()):
                    break
                log_fatal_signals_again()
            self._lost += 1

    def _report(self) -> list[bytes]:
        if not self._lost:
            return []
        return [f"{PREFIXES[WARNING]}{loss(self._lost)}\n".encode()]

    def _try(self, lines: Sequence[bytes]) -> bool:
        try:
            for line in lines:
                write_whole(self._raw, line)
        except OSError as error:
            if error.errno not in GONE:
                raise
            return False
        return True


def raw_file(stream: TextIO | None) -> io.FileIO | None:
    """Return the unbuffered file at the bottom of *stream*, or None where that is unsafe.

    Only the plain stack that `open` makes is taken. A subclass, a wrapper or a
    compressed file may have a descriptor as well, but writing there would go past
    what its own layers do.
    """
    if type(stream) is not io.TextIOWrapper:
        return None
    buffer = stream.buffer
    raw = buffer.raw if type(buffer) is io.BufferedWriter else buffer
    return raw if type(raw) is io.FileIO else None


def write_whole(raw: io.FileIO, data: bytes) -> None:
    """Write all of *data* with one write(2), or with more where the descriptor takes less.

    Waits while a descriptor that does not block is full. Raises `OSError` when the
    write fails, and `ValueError` when the file is closed.
    """
    _write_rest(raw, data, raw.write(data))


def _write_rest(raw: io.FileIO, data: bytes, written: int | None) -> None:
    while written != len(data):
        if written is None:
            _wait_until_writable(raw)
        else:
            data = data[written:]
        written = raw.write(data)


def flush_whole(stream: TextIO, raw: io.FileIO) -> None:
    """Write what the layers of *stream* above *raw* hold, waiting as `write_whole` does."""
    while True:
        try:
            return stream.flush()
        except BlockingIOError:
            _wait_until_writable(raw)


def _wait_until_writable(raw: io.FileIO) -> None:
    poll = select.poll()
    poll.register(raw.fileno(), select.POLLOUT)
    poll.poll()
