r"""An entry that is longer than one line may be, as several lines and back again.

journald cuts a line at 48 KiB (journald.conf(5), ``LineMax=``) and reads what follows
as a line of its own: with the default priority, or with the one that a ``<0>`` gives
which stands there by chance or by design. And the kernel keeps writers of one stream
apart only up to some 36 KiB. So a long line is cut here, into lines
``<3>[1/3] text\&``: each with the priority, with its place, and with an end that only
pieces have, since `escape` writes ``\&`` nowhere else but for an empty text.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

LARGEST = 32 * 1024
"""How long a line may be in bytes, with its prefix and its newline."""

_ROOM = LARGEST - len(r"<0>[4294967296/4294967296] \&") - 1
_LONGEST_ESCAPE = len(r"\U0010ffff")
# An even number of backslashes before the last one: each pair is a backslash of the text.
_PIECE = r"(?s)\[([1-9][0-9]{0,9})/([1-9][0-9]{0,9})\] (.*(?<!\\)(?:\\\\)*)\\&"
_PENDING = 64  # texts that may wait for their next piece; the oldest goes on as it is


def cut(line: bytes) -> list[bytes]:
    """Return *line*, an escaped text in UTF-8, as pieces that lines can hold.

    A cut is never inside a character or an escape. A line that is short enough is one
    piece, and stays as it is.
    """
    if len(line) <= _ROOM:
        return [line]
    texts = list(_texts(line))
    return [b"[%d/%d] %s\\&" % (k, len(texts), text) for k, text in enumerate(texts, 1)]


def _texts(line: bytes) -> Iterator[bytes]:
    start = 0
    while len(line) - start > _ROOM:
        end = _boundary(line, start, start + _ROOM)
        yield line[start:end]
        start = end
    yield line[start:]


def _boundary(line: bytes, start: int, at: int) -> int:
    """Return the last place up to *at* that is not inside a character or an escape.

    *start* is such a place, long before it.
    """
    while line[at] & 0xC0 == 0x80:  # what continues a character in UTF-8
        at -= 1
    escape = line.rfind(b"\\", at - _LONGEST_ESCAPE, at)
    if escape < 0:
        return at
    first = escape
    while first > start and line[first - 1 : first] == b"\\":
        first -= 1
    if (escape - first) % 2:  # a pair: the backslash that stands for itself
        return at
    length = {b"x": 4, b"u": 6, b"U": 10}.get(line[escape + 1 : escape + 2], 2)
    return escape if escape + length > at else at


class Joiner:
    """Put pieces together again, in a stream of lines where others come between them."""

    def __init__(self) -> None:
        import re  # slow to import, and who writes never gets here

        self._piece = re.compile(_PIECE)
        self._waiting: list[tuple[object, int, list[tuple[str, Any]]]] = []

    def add(self, line: str, item: Any = None, writer: object = None) -> list[tuple[str, Any]]:
        """Return the lines that are whole now, each with its item: none, one or some.

        *line* is without prefix and newline, as journalctl gives it, and *item* what
        belongs to it; a joined line has that of its first piece. *writer* tells apart those
        whose pieces could be mixed, such as processes.
        """
        match = self._piece.fullmatch(line)
        if match is None:
            return [(line, item)]
        k, n = int(match[1]), int(match[2])
        if k == 1 < n:
            self._waiting.append((writer, n, [(line, item)]))
            return self._given_up(_PENDING)
        # The newest first: a signal handler may log between the pieces of another text.
        for at in range(len(self._waiting) - 1, -1, -1):
            of, count, pieces = self._waiting[at]
            if of == writer and count == n and len(pieces) == k - 1:
                pieces.append((line, item))
                if k < n:
                    return []
                del self._waiting[at]
                text = "".join(self._piece.sub(r"\3", piece) for piece, _ in pieces)
                return [(text, pieces[0][1])]
        return [(line, item)]

    def rest(self) -> list[tuple[str, Any]]:
        """Return the pieces whose others never came, as they are."""
        return self._given_up(0)

    def _given_up(self, keep: int) -> list[tuple[str, Any]]:
        count = max(len(self._waiting) - keep, 0)
        gone, self._waiting = self._waiting[:count], self._waiting[count:]
        return [piece for _, _, pieces in gone for piece in pieces]
