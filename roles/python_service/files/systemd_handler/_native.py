"""Records as entries with fields of their own, by the native protocol of journald.

For those who filter by field and want real newlines in ``journalctl``. It costs the
program more than twice what a line costs.

Source: "Native Journal Protocol" in systemd's documentation, and
systemd.journal-fields(7) for the names of the fields.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import sys

from systemd_handler._escape import escape_unsafe
from systemd_handler._fingerprint import fingerprint
from systemd_handler._formatter import describe_failure, extra_fields
from systemd_handler._journald import GONE, NATIVE_SOCKET, identifier, loss
from systemd_handler._levels import PRIORITIES

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_NO_NAME = re.compile(r"[^A-Z0-9_]+")
_OWN = (
    "MESSAGE",
    "PRIORITY",
    "SYSLOG_IDENTIFIER",
    "LOGGER",
    "CODE_FILE",
    "CODE_LINE",
    "CODE_FUNC",
    "THREAD_NAME",
    "EXCEPTION",
    "EXCEPTION_FINGERPRINT",
)


class NativeHandler(logging.Handler):
    """Send each record as one entry with fields; its message keeps its newlines.

    Fields are MESSAGE (the formatted text), PRIORITY, SYSLOG_IDENTIFIER, LOGGER,
    CODE_FILE, CODE_LINE, CODE_FUNC, THREAD_NAME, with an exception EXCEPTION (its type) and
    EXCEPTION_FINGERPRINT (the same for the same failure, whatever release it is of), and what the
    record got as ``extra=`` or by `context`: ``extra={"order_id": 7}`` is ORDER_ID=7. A name
    that journald would not take is made one that it does, and one of the fields above, or
    of journald's own that begin with an underscore, gets ``EXTRA_`` in front: a field
    cannot pose as another.

    *fields* go into every entry. *path* is that of journald's socket.

    When journald goes away the program lives on. Entries that could not be sent are
    counted, and the count is logged as soon as journald is back.

    Raises `ValueError` when a name in *fields* is not of the form ``[A-Z][A-Z0-9_]*`` with
    at most 64 characters, or is one of those above.
    """

    def __init__(
        self, *, fields: Mapping[str, object] | None = None, path: str = NATIVE_SOCKET
    ) -> None:
        super().__init__()
        for name in fields or ():
            if not _NAME.fullmatch(name) or name in _OWN:
                raise ValueError(
                    f"NativeHandler: {name!r} is no name for a field; names are of upper-case "
                    f"letters, digits and underscores, and none of {', '.join(_OWN)}"
                )
        self._fields = {"SYSLOG_IDENTIFIER": identifier(), **(fields or {})}
        self._path = path
        self._socket: socket.socket | None = None
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Send *record*; a failure goes to `handleError` and never to the caller."""
        try:
            self._send_counting(self._entry_of(record))
        except RecursionError:  # as in logging: handling it would only recurse again
            raise
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Report as one entry that *record* could not be sent, if `logging.raiseExceptions`."""
        if logging.raiseExceptions:
            report = self._entry(logging.ERROR, describe_failure(record))
            try:
                self._send_counting(report)
            except Exception:
                return  # the socket itself fails: there is nowhere to say it

    def close(self) -> None:
        """Close the socket; it is opened anew if a record comes after all."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        super().close()

    def _entry(self, level: int, message: str) -> list[tuple[str, object]]:
        return [*self._fields.items(), ("PRIORITY", PRIORITIES[level]), ("MESSAGE", message)]

    def _entry_of(self, record: logging.LogRecord) -> list[tuple[str, object]]:
        fields = {
            "LOGGER": record.name,
            "CODE_FILE": record.pathname,
            "CODE_LINE": record.lineno,
            "CODE_FUNC": record.funcName,
            "THREAD_NAME": record.threadName,
        }
        if record.exc_info and record.exc_info[0]:
            kind = record.exc_info[0]
            fields["EXCEPTION"] = f"{kind.__module__}.{kind.__qualname__}"
            if record.exc_info[1] is not None:
                fields["EXCEPTION_FINGERPRINT"] = fingerprint(record.exc_info[1])
        # Pairs, because two names may become one field, and journald takes it twice.
        extra = [(_field_name(str(name)), value) for name, value in extra_fields(record).items()]
        return [*self._entry(record.levelno, self.format(record)), *fields.items(), *extra]

    def _send_counting(self, fields: list[tuple[str, object]]) -> None:
        try:
            if self._lost:
                self._send(self._entry(logging.WARNING, loss(self._lost)))
            self._send(fields)
        except OSError as error:
            if error.errno not in GONE:
                raise
            self._lost += 1
        else:
            self._lost = 0

    def _send(self, fields: list[tuple[str, object]]) -> None:
        import socket  # slow to import, and most processes that log never get here

        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        data = b"".join(_encode(name, value) for name, value in fields)
        try:
            # With the address each time: a journald that was restarted needs no new connection.
            self._socket.sendto(data, self._path)
        except OSError as error:
            if error.errno not in (errno.EMSGSIZE, errno.ENOBUFS):
                raise
            _send_file(self._socket, self._path, data)


def _encode(name: str, value: object) -> bytes:
    text = escape_unsafe(str(value)).encode()
    if b"\n" not in text:
        return b"%s=%s\n" % (name.encode(), text)
    return b"%s\n%s%s\n" % (name.encode(), len(text).to_bytes(8, "little"), text)


def _send_file(connection: socket.socket, path: str, data: bytes) -> None:
    """Send what no datagram can hold, as a file in memory that nobody can change any more."""
    import fcntl
    import socket

    fd = os.memfd_create("journal-entry", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    with open(fd, "wb", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, fd.to_bytes(4, sys.byteorder))
        connection.sendmsg([], [rights], 0, path)


def _field_name(name: str) -> str:
    """Return a name that journald takes, for any name of a record's own."""
    field = _NO_NAME.sub("_", name.upper())
    if not _NAME.match(field) or field in _OWN:
        field = f"EXTRA_{field.lstrip('_')}"
    return field[:64]
