# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Files of root's on the host: read, replaced by one step, removed."""

from __future__ import annotations

import os

from ..errors import ServiceError
from ..foreign import shortened
from .programs import run

#: Seconds in which a directory may be removed: there may be millions of files in it.
_PATIENCE = 7200.0


def read(path: str) -> str | None:
    """Text of a file, or None when there is none; what is no UTF-8 comes as surrogate escapes."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def write(
    path: str, text: str, mode: int = 0o644, new: str | None = None, group: int | None = None
) -> None:
    """Replace a file by one step, on the disk before this returns.

    No reader ever sees half of it. It is made at ``new``, or beside the file, and
    is of the ``group``, if one is given. What a run that was cut off has left there is taken up by the next, since
    one at a time works on a service.
    """
    temporary = new or temporary_name(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(temporary, flags, mode), "wb") as file:
        if group is not None:
            os.fchown(file.fileno(), -1, group)
        os.fchmod(file.fileno(), mode)
        file.write(text.encode(errors="surrogateescape"))
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, path)


def temporary_name(path: str) -> str:
    """Where a new `path` is made before it takes its place."""
    return os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.new")


def link(path: str, target: str) -> None:
    """Make ``path`` a symbolic link to ``target`` by one step."""
    temporary = temporary_name(path)
    remove(temporary)
    os.symlink(target, temporary)
    os.rename(temporary, path)


def make_directory(path: str, mode: int = 0o755) -> None:
    """Have a directory of this mode, whatever the umask; those above that are missing get 0755."""
    missing = []
    above = path
    while not os.path.isdir(above):
        missing.append(above)
        above = os.path.dirname(above)
    for directory in reversed(missing):
        os.mkdir(directory)
        os.chmod(directory, 0o755)
    os.chmod(path, mode)


def share(path: str, group: int, mode: int) -> None:
    """Let a group into a directory, or read a file, and nobody else but root."""
    os.chown(path, -1, group)
    os.chmod(path, mode)


def remove(path: str) -> None:
    """Remove a file, a link or a directory with all that is in it; nothing there is no error."""
    if os.path.isdir(path) and not os.path.islink(path):
        remove_directory(path)
    elif os.path.lexists(path):
        os.unlink(path)


def remove_directory(path: str) -> None:
    """Remove a directory with all that is in it, following no link, down to any depth.

    By rm(1): Python's own rmtree() has an end, and packages and services can
    make their directories deeper.
    """
    result = run(["rm", "-rf", "--", path], limit=_PATIENCE)
    if result.returncode != 0:
        words = shortened(result.stderr.strip())
        raise ServiceError(f"{path} cannot be removed: {words}; mend that, and run this again")


def names(directory: str) -> list[str]:
    """Sorted names of a directory's entries; none where there is no directory."""
    try:
        return sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []
