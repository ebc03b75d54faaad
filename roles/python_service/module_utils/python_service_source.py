# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The source of a release: what belongs to it, its digest, its archive.

The controller scans a source and packs it; the host unpacks the archive and
scans the result again. Both sides run this file, so that a digest means the
same on both.

A path is text relative to the root of the source, with ``/`` between its
parts. Names that are not UTF-8 carry surrogate escapes, as `os.fsdecode`
makes them. A digest is the SHA-256 of content, as hexadecimal text.
"""

from __future__ import annotations

import fnmatch
import hashlib
import io
import os
import posixpath
import shutil
import stat
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, NamedTuple, cast

DIRECTORY, FILE, LINK = "directory", "file", "link"
_CHUNK = 1 << 20


class SourceError(Exception):
    """A source or an archive that cannot become a release; says why, and which path."""


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


def scan(source: str, exclude: Sequence[str] = (), *, may_be_empty: bool = False) -> Source:
    """List what belongs to the source at ``source``: a directory, or one file.

    A pattern of ``exclude`` without ``/`` is compared with each name, one with
    ``/`` with each path (`fnmatch.fnmatchcase`); what matches stays behind,
    a directory with all that is in it. So does a directory that holds
    ``pyvenv.cfg``: it is a virtual environment (PEP 405).

    Raises `SourceError` for a source that is missing, that holds no file, unless
    it ``may_be_empty``, or that holds what a release cannot: symbolic links that
    leave it, devices, sockets and pipes.
    """
    # What the source itself is a link to is meant; links inside it stay links.
    root = os.path.realpath(source)
    if not os.path.lexists(root):
        raise SourceError(f"{source} does not exist")
    if os.path.isfile(root):
        entry = _entry(os.path.dirname(root), os.path.basename(root))
        # By the name that it was given, should that be a link.
        directory, name = os.path.split(os.path.abspath(source))
        return Source(directory, (entry._replace(path=name),))
    if not os.path.isdir(root):
        raise SourceError(f"{source} is neither a directory nor a file")
    exclude = [pattern.rstrip("/").removeprefix("./") for pattern in exclude]
    entries = tuple(sorted(_walk(root, "", exclude), key=lambda entry: os.fsencode(entry.path)))
    if not may_be_empty and not any(entry.kind == FILE for entry in entries):
        raise SourceError(f"{source} holds no file" + (" that is not excluded" if exclude else ""))
    return Source(root, entries)


def pack(sources: Mapping[str, Source], texts: Mapping[str, str], archive: IO[bytes]) -> None:
    """Write each source below its name, and each text as a file, into a gzip-compressed tar.

    Raises `SourceError` when a file is no longer what was scanned.
    """
    with tarfile.open(
        fileobj=archive, mode="w:gz", compresslevel=1, format=tarfile.PAX_FORMAT
    ) as tar:
        for name, text in texts.items():
            member = tarfile.TarInfo(name)
            data = text.encode()
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for name, source in sources.items():
            for entry in source.entries:
                path = os.path.join(source.root, entry.path)
                try:
                    _add(tar, path, f"{name}/{entry.path}", entry)
                except OSError as error:
                    # tarfile's own word for a file that became shorter is one of these.
                    raise SourceError(f"{path} changed while it was packed ({error})") from error


def _add(tar: tarfile.TarFile, path: str, name: str, entry: Entry) -> None:
    member = tarfile.TarInfo(name)
    # Only the time is taken over: static file servers make their ETag of it.
    member.mtime = int((os.lstat if entry.kind == LINK else os.stat)(path).st_mtime)
    if entry.kind == FILE:
        member.mode = 0o755 if entry.executable else 0o644
        with open(path, "rb") as file:
            member.size = os.fstat(file.fileno()).st_size
            reader = _HashingReader(file)
            tar.addfile(member, cast("IO[bytes]", reader))
        if reader.hexdigest() != entry.content:
            raise SourceError(f"{path} changed while it was packed")
    else:
        member.type = tarfile.DIRTYPE if entry.kind == DIRECTORY else tarfile.SYMTYPE
        member.linkname = entry.content
        tar.addfile(member)


def unpack(archive: str, target: str) -> None:
    """Unpack ``archive`` into ``target``, an empty directory that only we can write.

    Directories and executables get mode 0755, other files 0644, all of them
    the owner who runs this. Raises `SourceError` for a member that would land
    outside ``target``, and for one that is no file, directory or symbolic link.
    """
    umask = os.umask(0o022)
    try:
        with tarfile.open(archive, mode="r|gz", errors="surrogateescape") as tar:
            links = [link for member in tar for link in _extract(tar, member, target)]
        for path, linkname in links:
            os.symlink(linkname, path)
    finally:
        os.umask(umask)


def _extract(
    tar: tarfile.TarFile, member: tarfile.TarInfo, target: str
) -> Iterator[tuple[str, str]]:
    """Unpack one member; a link is given back, since no file must be written through one."""
    parts = member.name.split("/")
    if member.name.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise SourceError(f"archive member {member.name!r} has an unsafe name")
    path = os.path.join(target, member.name)
    if member.isdir():
        os.makedirs(path, exist_ok=True)
    elif member.issym():
        _check_link(member.name, member.linkname)
        yield path, member.linkname
    elif member.isreg():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        mode = 0o755 if member.mode & stat.S_IXUSR else 0o644
        content = cast("IO[bytes]", tar.extractfile(member))
        with os.fdopen(os.open(path, flags, mode), "wb") as file:
            shutil.copyfileobj(content, file, _CHUNK)
        os.utime(path, (member.mtime, member.mtime))
    else:
        raise SourceError(f"archive member {member.name!r} is no file, directory or link")


def _walk(root: str, directory: str, exclude: Sequence[str]) -> Iterator[Entry]:
    try:
        names = os.listdir(os.path.join(root, directory))
    except OSError as error:
        raise SourceError(f"{error.filename} cannot be read: {error.strerror}") from error
    for name in names:
        path = posixpath.join(directory, name)
        if any(fnmatch.fnmatchcase(path if "/" in glob else name, glob) for glob in exclude):
            continue
        entry = _entry(root, path)
        if entry.kind == DIRECTORY:
            if os.path.lexists(os.path.join(root, path, "pyvenv.cfg")):
                continue
            yield from _walk(root, path, exclude)
        yield entry


def _entry(root: str, path: str) -> Entry:
    full = os.path.join(root, path)
    try:
        status = os.lstat(full)
        if stat.S_ISDIR(status.st_mode):
            return Entry(path, DIRECTORY, False, "")
        if stat.S_ISLNK(status.st_mode):
            target = os.readlink(full)
            _check_link(path, target)
            # A link by way of other links may leave what its text stays in.
            if os.path.commonpath([root, os.path.realpath(full)]) != root:
                raise _leaves(path, target)
            return Entry(path, LINK, False, target)
        if stat.S_ISREG(status.st_mode):
            with open(full, "rb") as file:
                reader = _HashingReader(file)
                while reader.read(_CHUNK):
                    pass
            return Entry(path, FILE, bool(status.st_mode & stat.S_IXUSR), reader.hexdigest())
    except OSError as error:
        raise SourceError(f"{full} cannot be read: {error.strerror}") from error
    kinds = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
    kind = kinds.get(stat.S_IFMT(status.st_mode), "device")
    raise SourceError(f"{full} is a {kind}; take it away or exclude it")


def _check_link(path: str, target: str) -> None:
    end = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if target.startswith("/") or end == ".." or end.startswith("../"):
        raise _leaves(path, target)


def _leaves(path: str, target: str) -> SourceError:
    return SourceError(
        f"{path} is a symbolic link to {target}, which leaves the source; "
        "take it away, exclude it or copy what it points to"
    )


class _HashingReader:
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
