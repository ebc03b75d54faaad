"""Whether journald is at the other end of a descriptor, and streams to it of our own.

Sources: systemd.exec(5), ``$JOURNAL_STREAM``; systemd's
``src/journal/journald-stream.c`` for the header of a stream.
"""

from __future__ import annotations

import _socket  # `socket` is slow to import
import errno
import os
import stat

STDOUT_SOCKET = "/run/systemd/journal/stdout"
NATIVE_SOCKET = "/run/systemd/journal/socket"


# What a socket says when journald has gone away, with its own sockets or without.
GONE = {errno.EPIPE, errno.ECONNRESET, errno.ECONNREFUSED, errno.ENOTCONN, errno.ENOENT}


def loss(count: int) -> str:
    """Return what to log once journald is back, when *count* entries found nobody."""
    noun = "entry was" if count == 1 else "entries were"
    return f"{count} {noun} lost here while journald was away"


def under_journald(fd: int) -> bool:
    """Say whether journald reads what is written to *fd*.

    ``$JOURNAL_STREAM`` holds ``device:inode``, in decimal, of the stream that systemd
    made, and is compared with those of *fd*: children inherit the variable when their
    output goes elsewhere. Where systemd made two streams it holds only that of standard
    error; the other one shows itself by the address of its socket. Without the variable
    nothing is journald's, and a closed descriptor is not.
    """
    named = os.environ.get("JOURNAL_STREAM")
    if not named:
        return False
    try:
        status = os.fstat(fd)
    except OSError:
        return False
    if named == f"{status.st_dev}:{status.st_ino}":
        return True
    return stat.S_ISSOCK(status.st_mode) and _peer(fd) == STDOUT_SOCKET


def introduce(fd: int) -> None:
    """Let journald know which unit this process is of; *fd* is the stream that systemd made.

    It takes the unit from that stream, or from ``/proc`` while the process lives, and keeps it
    for what else comes from the process: without this the last words of one that a signal
    killed may belong to no unit. An empty line is no entry. Only on this stream: an unknown
    unit would be kept as well.
    """
    try:
        os.write(fd, b"\n")
    except OSError:
        return  # not now, and nothing is lost


def open_stream(priority: int, *, prefixes: bool) -> int:
    """Return the descriptor of a new stream to journald, blocking and not inheritable.

    Its lines have *priority*, unless *prefixes* is set and a line begins with one.
    Raises `OSError` when journald cannot be reached.
    """
    stream = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        stream.connect(STDOUT_SOCKET)
        stream.shutdown(_socket.SHUT_RD)
        # Identifier, unit (systemd's to say), priority, prefixes; not to syslog, kmsg, console.
        header = f"{identifier()}\n\n{priority}\n{prefixes:d}\n0\n0\n0\n"
        stream.sendall(header.encode())
        return stream.detach()
    finally:
        stream.close()


def reopen(fd: int) -> bool:
    """Put a new stream in the place of *fd*, a stream that journald has closed.

    Standard output and standard error follow where they were the same stream, and so
    does ``$JOURNAL_STREAM``. False when journald does not answer.
    """
    try:
        if not stat.S_ISSOCK(os.fstat(fd).st_mode):
            return False  # something else that was said to lead to journald
        new = open_stream(6, prefixes=True)
    except OSError:
        return False
    old = _identity(fd)
    for each in {fd, 1, 2}:
        if _identity(each) == old:
            os.dup2(new, each, inheritable=each in (1, 2))
    os.close(new)
    if os.environ.get("JOURNAL_STREAM") == old:
        os.environ["JOURNAL_STREAM"] = _identity(fd)
    return True


def identifier() -> str:
    """Return the name under which this process logs where systemd does not say it.

    That of the unit, from ``/proc/self/cgroup``, and that of the program outside of one.
    """
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="replace") as groups:
            parts = groups.read().replace("\n", "/").split("/")
        units = [part[: -len(".service")] for part in parts if part.endswith(".service")]
        if units:
            return units[-1]
        with open("/proc/self/comm", encoding="utf-8", errors="replace") as name:
            return name.readline().rstrip("\n")
    except OSError:
        return "python"


def _identity(fd: int) -> str:
    try:
        status = os.fstat(fd)
    except OSError:
        return ""
    return f"{status.st_dev}:{status.st_ino}"


def _peer(fd: int) -> object:
    try:
        stream = _socket.socket(fileno=fd)
    except OSError:
        return None
    try:
        return stream.getpeername()
    except OSError:
        return None
    finally:
        stream.detach()  # the descriptor is not ours to close
