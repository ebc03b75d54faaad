"""Messages from a service to its service manager.

Source: sd_notify(3), with the fields and the protocol.
"""

from __future__ import annotations

import errno
import os


def notify(**fields: str | int) -> bool:
    """Tell the service manager about this service, as sd_notify(3) does.

    Fields are those of the manual page: ``notify(READY=1, STATUS="3 queues open")``,
    ``notify(WATCHDOG=1)``, ``notify(STOPPING=1)``. True stands for 1.

    Returns True when the message was sent, and False when there is no service manager
    that wants it (``$NOTIFY_SOCKET`` is not set), so programs can call it everywhere.

    Raises `ValueError` for a message that the manager would misread: no field at all, a
    name that is not in upper case, a newline or NUL in a value. Raises `OSError` when
    the socket cannot be reached.
    """
    message = "\n".join(f"{name}={_value(name, value)}" for name, value in fields.items())
    if not message:
        raise ValueError("notify() needs a field, for example READY=1")
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address[0] not in "@/":
        raise OSError(
            errno.EAFNOSUPPORT,
            "$NOTIFY_SOCKET is neither a path nor an abstract name",
            address,
        )
    if address[0] == "@":  # how the environment writes the NUL of an abstract address
        address = "\0" + address[1:]

    # Slow to import, and most processes that log never get here.
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.connect(address)
        connection.send(message.encode(errors="backslashreplace"))
    return True


def _value(name: str, value: str | int) -> str:
    if not (name.isidentifier() and name.isupper()):
        raise ValueError(
            f"notify(): {name!r} is no field; names are in upper case, see sd_notify(3)"
        )
    text = str(int(value) if isinstance(value, bool) else value)
    if "\n" in text or "\0" in text:
        raise ValueError(
            f"notify(): the value of {name} must not contain a newline or NUL: {text!r}"
        )
    return text
