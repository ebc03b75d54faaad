# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The archive that takes sources to a host: packed on the controller, unpacked with distrust."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator, Mapping
from typing import IO, cast

from .errors import ServiceError
from .source import DIRECTORY, FILE, LINK, Entry, HashingReader, Source, check_link

_CHUNK = 1 << 20


def pack(sources: Mapping[str, Source], texts: Mapping[str, str], archive: IO[bytes]) -> None:
    """Write each source below its name, and each text as a file, into a gzip-compressed tar.

    Raises `ServiceError` when a file is no longer what was scanned.
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
                    raise ServiceError(f"{path} changed while it was packed ({error})") from error


def _add(tar: tarfile.TarFile, path: str, name: str, entry: Entry) -> None:
    member = tarfile.TarInfo(name)
    # Only the time is taken over: static file servers make their ETag of it.
    member.mtime = int((os.lstat if entry.kind == LINK else os.stat)(path).st_mtime)
    if entry.kind == FILE:
        member.mode = 0o755 if entry.executable else 0o644
        with open(path, "rb") as file:
            member.size = os.fstat(file.fileno()).st_size
            reader = HashingReader(file)
            tar.addfile(member, cast("IO[bytes]", reader))
        if reader.hexdigest() != entry.content:
            raise ServiceError(f"{path} changed while it was packed")
    else:
        member.type = tarfile.DIRTYPE if entry.kind == DIRECTORY else tarfile.SYMTYPE
        member.linkname = entry.content
        tar.addfile(member)


def unpack(archive: str, target: str) -> None:
    """Unpack ``archive`` into ``target``, an empty directory that only we can write.

    Directories and executables get mode 0755, other files 0644, all of them
    the owner who runs this. Raises `ServiceError` for a member that would land
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
        raise ServiceError(f"archive member {member.name!r} has an unsafe name")
    path = os.path.join(target, member.name)
    if member.isdir():
        os.makedirs(path, exist_ok=True)
    elif member.issym():
        check_link(member.name, member.linkname)
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
        raise ServiceError(f"archive member {member.name!r} is not a file, a directory or a link")
