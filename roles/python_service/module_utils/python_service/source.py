# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The source of a release: what belongs to it, and its digest.

The controller scans a source, and the host scans what arrived. Both run this
file, so that a digest means the same on both.

A path is text relative to the root of the source, with ``/`` between its
parts. Names that are not UTF-8 carry surrogate escapes, as `os.fsdecode`
makes them. A digest is the SHA-256 of content, as hexadecimal text.
"""

from __future__ import annotations

import fnmatch
import functools
import hashlib
import os
import posixpath
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, NamedTuple, Protocol

from .errors import ServiceError
from .foreign import printable

DIRECTORY, FILE, LINK = "directory", "file", "link"
_CHUNK = 1 << 20
#: Bytes of a file that a person is shown.
_MOST_BYTES = 32 * 1024


class Entry(NamedTuple):
    """One member of a source.

    ``content`` is the digest of a file, the target of a symbolic link, and
    empty for a directory. ``executable`` is the owner's bit of a file.
    """

    path: str
    kind: str
    executable: bool
    content: str


class Source(NamedTuple):
    """A scanned source: the directory that ``entries`` are relative to."""

    root: str
    entries: tuple[Entry, ...]

    @property
    def digest(self) -> str:
        """Digest of names, kinds, executable bits and contents, and of nothing else."""
        digest = hashlib.sha256()
        for entry in self.entries:
            # No field can hold NUL and their number is fixed: the text is unambiguous.
            for field in (entry.path, entry.kind, "x" if entry.executable else "-", entry.content):
                digest.update(os.fsencode(field) + b"\0")
        return digest.hexdigest()

    @property
    def files(self) -> dict[str, Entry]:
        """Its files, by their paths as people and JSON can be given them."""
        return {printable(entry.path): entry for entry in self.entries if entry.kind == FILE}


class Known(Protocol):
    """Digests of files that were read before, by their paths and their states."""

    def get(self, path: str, status: os.stat_result) -> str | None: ...
    def put(self, path: str, status: os.stat_result, digest: str) -> None: ...


def scan(
    source: str,
    exclude: Sequence[str] = (),
    *,
    may_be_empty: bool = False,
    known: Known | None = None,
    left: list[str] | None = None,
) -> Source:
    """List what belongs to the source at ``source``: a directory, or one file.

    A pattern of ``exclude`` without ``/`` is compared with each name, one with
    ``/`` with each path (`fnmatch.fnmatchcase`); what matches stays behind,
    a directory with all that is in it, and its path is added to ``left``. Of patterns that
    match the last decides, and one with a ``!`` before it ships. Behind stays also a
    directory that holds ``pyvenv.cfg``: it is a virtual environment (PEP 405). Of files
    that are ``known`` only the state is looked at.

    Raises `ServiceError` for a source that is missing, that contains no file, unless
    it ``may_be_empty``, or that holds what a release cannot: symbolic links that
    leave it, devices, sockets and pipes.
    """
    # What the source itself is a link to is meant; links inside it stay links.
    root = os.path.realpath(source)
    if not os.path.lexists(root):
        raise ServiceError(f"{source} does not exist")
    if os.path.isfile(root):
        entry = _entry(os.path.dirname(root), os.path.basename(root), known)
        # By the name that it was given, should that be a link.
        directory, name = os.path.split(os.path.abspath(source))
        return Source(directory, (entry._replace(path=name),))
    if not os.path.isdir(root):
        raise ServiceError(f"{source} is neither a directory nor a file")
    found = _walk(root, "", exclude, known, [] if left is None else left)
    entries = tuple(sorted(found, key=lambda entry: os.fsencode(entry.path)))
    if not may_be_empty and not any(entry.kind == FILE for entry in entries):
        raise ServiceError(
            f"{source} contains no file" + (" that is not excluded" if exclude else "")
        )
    return Source(root, entries)


def is_excluded(path: str, exclude: Sequence[str]) -> bool:
    """Whether a path stays behind by these patterns; see `scan`."""
    excluded, name = False, posixpath.basename(path)
    for glob, whole, leaves in _rules(tuple(exclude)):
        if fnmatch.fnmatchcase(path if whole else name, glob):
            excluded = leaves
    return excluded


@functools.lru_cache(maxsize=8)
def _rules(exclude: tuple[str, ...]) -> list[tuple[str, bool, bool]]:
    """Of each pattern: the glob, whether it is for whole paths, and whether what matches stays behind."""
    globs = [pattern.removeprefix("!").rstrip("/").removeprefix("./") for pattern in exclude]
    return [
        (glob, "/" in glob, not pattern.startswith("!")) for glob, pattern in zip(globs, exclude)
    ]


def _walk(
    root: str, directory: str, exclude: Sequence[str], known: Known | None, left: list[str]
) -> Iterator[Entry]:
    try:
        names = os.listdir(os.path.join(root, directory))
    except OSError as error:
        raise ServiceError(f"{error.filename} cannot be read: {error.strerror}") from error
    for name in names:
        path = posixpath.join(directory, name)
        if is_excluded(path, exclude):
            left.append(path)
            continue
        entry = _entry(root, path, known)
        if entry.kind == DIRECTORY:
            if os.path.lexists(os.path.join(root, path, "pyvenv.cfg")):
                continue
            yield from _walk(root, path, exclude, known, left)
        yield entry


def _entry(root: str, path: str, known: Known | None) -> Entry:
    full = os.path.join(root, path)
    try:
        status = os.lstat(full)
        if stat.S_ISDIR(status.st_mode):
            return Entry(path, DIRECTORY, False, "")
        if stat.S_ISLNK(status.st_mode):
            target = os.readlink(full)
            check_link(path, target)
            # A link by way of other links may leave what its text stays in.
            if os.path.commonpath([root, os.path.realpath(full)]) != root:
                raise _leaves(path, target)
            return Entry(path, LINK, False, target)
        if stat.S_ISREG(status.st_mode):
            digest = known.get(full, status) if known else None
            if digest is None:
                digest = _digest(full)
                if known:
                    known.put(full, status, digest)
            return Entry(path, FILE, bool(status.st_mode & stat.S_IXUSR), digest)
    except OSError as error:
        raise ServiceError(f"{full} cannot be read: {error.strerror}") from error
    kinds = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
    kind = kinds.get(stat.S_IFMT(status.st_mode), "device")
    raise ServiceError(f"{full} is a {kind}; remove it or exclude it")


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        reader = HashingReader(file)
        while reader.read(_CHUNK):
            pass
    return reader.hexdigest()


def check_link(path: str, target: str) -> None:
    """Raise `ServiceError` for a symbolic link whose text leads out of its source."""
    end = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if target.startswith("/") or end == ".." or end.startswith("../"):
        raise _leaves(path, target)


def _leaves(path: str, target: str) -> ServiceError:
    return ServiceError(
        f"{path} is a symbolic link to {target}, which leaves the source; "
        "remove it, exclude it or copy what it points to"
    )


class HashingReader:
    """A binary file that digests what is read from it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._digest.update(data)
        return data

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def combined_digest(parts: Iterable[str]) -> str:
    """Digest of a sequence of texts, none of which holds NUL."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(os.fsencode(part) + b"\0")
    return digest.hexdigest()


def short_text(path: str) -> str | None:
    """A file's content if it is text and short enough to read, else None."""
    with open(path, "rb") as file:
        data = file.read(_MOST_BYTES + 1)
    return readable(data)


def readable(data: bytes) -> str | None:
    """The content of a file if it is text and short enough to read, else None."""
    if len(data) > _MOST_BYTES or b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
