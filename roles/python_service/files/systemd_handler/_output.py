"""Whole lines into a stream, below its text layer.

A text stream buffers, and its buffer does harm here: it may split a line between
two writes, which journald then mixes with the lines of other writers, and it loses
data when the descriptor does not block.
"""

from __future__ import annotations

import io
import select

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from typing import TextIO


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
    written = raw.write(data)
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
