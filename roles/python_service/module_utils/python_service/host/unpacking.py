# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Wheels are unpacked, and put where a program finds them; nothing of them is run.

As PyPA's "Binary distribution format" says. All that is unpacked is a file of
ours in a directory of ours, whoever made the wheel.
"""

from __future__ import annotations

import configparser
import csv
import errno
import io
import itertools
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from email.message import Message
from email.parser import HeaderParser
from typing import IO, NamedTuple

from ..errors import ServiceError
from ..foreign import shortened

#: What an installer writes anew, and signatures of it.
_WRITTEN = ("RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER")
_INSTALLER = b"python_service\n"
#: Where programs are in an environment.
_SCRIPTS = "bin"
_FUNCTION = re.compile(r"([\w.]+)\s*:\s*(\w+)((?:\.\w+)*)\s*(?:\[.*\])?")
_SCRIPT = """\
import sys

from {0} import {1}

if __name__ == "__main__":
    sys.exit({1}{2}())
"""
_PLACEHOLDER = re.compile(rb"#!pythonw?(?=[ \r\n])")
#: Bytes of a first line that every kernel reads as a whole: execve(2).
_FIRST_LINE = 127
_CHUNK = 1 << 20
#: How a file system says that it makes no hard link here: to another one, too many, not at all.
_NO_LINK = (errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP)
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    configparser.Error,
    csv.Error,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


class Unpacked(NamedTuple):
    """A wheel whose files lie in ``directory``; ``files`` are their names there, by their paths in an environment.

    All lie side by side: to make directories takes longer than to unpack what is in them.
    ``scripts`` name the interpreter in their first line: they are texts by name, without it.
    ``requires`` are requirements, as the metadata has them.
    """

    wheel: str
    directory: str
    name: str
    version: str
    requires: tuple[str, ...]
    scripts: Mapping[str, str]
    files: Mapping[str, str]


class _RefusalError(Exception):
    """What is wrong with a wheel."""


def unpack_wheel(wheel: str, directory: str, packages: str) -> Unpacked:
    """Unpack a wheel into a new ``directory``, and what can be imported into its ``packages``.

    Raises `ServiceError` with the wheel's name where it is not whole, or means to reach further.
    """
    name = os.path.basename(wheel)
    try:
        with zipfile.ZipFile(wheel) as archive:
            return _Wheel(archive, directory, packages).unpack(name)
    except _RefusalError as refusal:
        said = str(refusal)
    except _BROKEN as error:
        said = f"is not whole ({error})"
    raise ServiceError(f"the wheel {shortened(name)} {shortened(said)}; build or fetch it anew")


class _Wheel:
    def __init__(self, archive: zipfile.ZipFile, directory: str, packages: str) -> None:
        self._archive = archive
        self._directory = directory
        self._packages = packages
        self._numbers = itertools.count()
        self._files: dict[str, str] = {}
        tops = {name.partition("/")[0] for name in archive.namelist()}
        infos = [name for name in tops if name.endswith(".dist-info")]
        if len(infos) != 1:
            raise _RefusalError(f"has {len(infos)} directories *.dist-info, and is to have one")
        self._info = infos[0]

    def unpack(self, name: str) -> Unpacked:
        format_version = str(self._headers("WHEEL")["Wheel-Version"])
        if format_version.partition(".")[0] != "1":
            raise _RefusalError(f"is of version {format_version} of the format, and 1 is known")
        metadata = self._headers("METADATA")
        if not metadata["Name"] or not metadata["Version"]:
            raise _RefusalError("has no METADATA with its name and version")
        hashes = {row[0]: row[1] for row in csv.reader(self._lines("RECORD")) if len(row) > 1}
        os.mkdir(self._directory)
        rows = {}
        for member in self._archive.infolist():
            where, _, within = member.filename.partition("/")
            if member.is_dir() or (where == self._info and within in _WRITTEN):
                continue
            path = self._path(member)
            self._extract(member, path)
            rows[path] = (hashes.get(member.filename, ""), str(member.file_size))
        scripts = {**self._named_scripts(rows), **self._entry_points()}
        for script in scripts:
            rows[os.path.join(_SCRIPTS, script)] = ("", "")
        self._write_own(rows)
        return Unpacked(
            wheel=name,
            directory=self._directory,
            name=str(metadata["Name"]),
            version=str(metadata["Version"]),
            requires=tuple(map(str, metadata.get_all("Requires-Dist", []))),
            scripts=scripts,
            files=self._files,
        )

    def _lines(self, name: str) -> list[str]:
        """Lines of a file of the wheel about itself; none where there is none."""
        try:
            return self._archive.read(f"{self._info}/{name}").decode().splitlines()
        except KeyError:
            return []

    def _headers(self, name: str) -> Message:
        return HeaderParser().parsestr("\n".join(self._lines(name)))

    def _path(self, member: zipfile.ZipInfo) -> str:
        """Where a member belongs, in an environment."""
        name = member.orig_filename  # a NUL ends the other one
        parts = name.split("/")
        if "\0" in name or "\\" in name or any(part in ("", ".", "..") for part in parts):
            raise _RefusalError(f"has a file with an unsafe name, {name!r}")
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
            raise _RefusalError(f"has {name!r}, which is no file")
        if not parts[0].endswith(".data"):
            return os.path.join(self._packages, name)
        project = self._info.partition("-")[0]
        version = os.path.basename(os.path.dirname(self._packages))
        places = {
            # One directory in every venv, whatever Root-Is-Purelib says.
            "purelib": self._packages,
            "platlib": self._packages,
            "scripts": _SCRIPTS,
            "headers": os.path.join("include", "site", version, project),
            "data": "",
        }
        if len(parts) < 3 or parts[1] not in places:
            raise _RefusalError(f"has {name!r}, and {parts[1]!r} is no place of an environment")
        return os.path.join(places[parts[1]], *parts[2:])

    def _extract(self, member: zipfile.ZipInfo, path: str) -> None:
        executable = (member.external_attr >> 16) & 0o111 or path.startswith(f"{_SCRIPTS}/")
        with self._archive.open(member) as content, self._create(path, bool(executable)) as file:
            shutil.copyfileobj(content, file, _CHUNK)

    def _create(self, path: str, executable: bool = False) -> IO[bytes]:
        if path in self._files:
            raise _RefusalError(f"has {path!r} twice")
        # The compiler looks for the end of a name.
        self._files[path] = f"{next(self._numbers)}{'.py' if path.endswith('.py') else ''}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        return os.fdopen(os.open(self._stored(path), flags, 0o755 if executable else 0o644), "wb")

    def _stored(self, path: str) -> str:
        return os.path.join(self._directory, self._files[path])

    def _forget(self, path: str) -> None:
        os.unlink(self._stored(path))
        del self._files[path]

    def _named_scripts(self, paths: Iterable[str]) -> dict[str, str]:
        """Scripts whose interpreter is to be named, which are no files yet."""
        found = {}
        for path in paths:
            if path.startswith(f"{_SCRIPTS}/"):
                with open(self._stored(path), "rb") as file:
                    first = file.readline(_CHUNK)
                    if _PLACEHOLDER.match(first):
                        text = file.read().decode(errors="surrogateescape")
                        found[path[len(_SCRIPTS) + 1 :]] = text
                        self._forget(path)
        return found

    def _entry_points(self) -> dict[str, str]:
        parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string("\n".join(self._lines("entry_points.txt")))
        found = {}
        for section in ("console_scripts", "gui_scripts"):
            for name, value in parser.items(section) if parser.has_section(section) else ():
                function = _FUNCTION.fullmatch(value.strip())
                if not function or "/" in name or name in (".", ".."):
                    raise _RefusalError(f"has a script {name} = {value}, which calls no function")
                path = os.path.join(_SCRIPTS, name)
                if path in self._files:
                    self._forget(path)
                found[name] = _SCRIPT.format(*function.groups())
        return found

    def _write_own(self, rows: Mapping[str, tuple[str, str]]) -> None:
        """Write what an installer adds."""
        installer, record = (
            os.path.join(self._packages, self._info, name) for name in ("INSTALLER", "RECORD")
        )
        with self._create(installer) as file:
            file.write(_INSTALLER)
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        beginning = os.path.join(self._packages, "")
        for path, row in {**rows, installer: ("", ""), record: ("", "")}.items():
            # What relpath() says as well, and takes long for.
            beside = path.startswith(beginning)
            said = path[len(beginning) :] if beside else os.path.relpath(path, beginning)
            writer.writerow([said, *row])
        with self._create(record) as file:
            file.write(text.getvalue().encode())


class Place:
    """A directory into which wheels are put, one after the other.

    Where two have the same file, the later one's is there, as with pip. What was
    there before stays: a wheel that has one of those files is refused. ``python``
    is the interpreter that scripts name.
    """

    def __init__(self, directory: str, python: str) -> None:
        self._directory = directory
        self._python = python
        self._put: set[str] = set()
        self._made: set[str] = set()

    def put(self, wheel: Unpacked) -> None:
        """Put a wheel there, by hard links where that can be, and otherwise by copies."""
        try:
            for path, name in wheel.files.items():
                _link(os.path.join(wheel.directory, name), self._room(path))
            for name, text in wheel.scripts.items():
                target = self._room(os.path.join(_SCRIPTS, name))
                with open(target, "xb") as file:
                    whole = _first_line(self._python) + text
                    file.write(whole.encode(errors="surrogateescape"))
                os.chmod(target, 0o755)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            path = os.path.relpath(error.filename2 or error.filename, self._directory)
            raise ServiceError(
                f"the wheel {shortened(wheel.wheel)} would put something into the place of "
                f"{shortened(path)}, which is there already; find out what needs it, and do without it"
            ) from error

    def _room(self, path: str) -> str:
        """Where a file is to be, where no other wheel's is any more."""
        target = os.path.join(self._directory, path)
        _make(os.path.dirname(target), self._made)
        if path in self._put:
            os.unlink(target)
        self._put.add(path)
        return target


def _make(directory: str, made: set[str]) -> None:
    """Make a directory once; ``made`` are those that are there."""
    if directory not in made:
        os.makedirs(directory, exist_ok=True)
        made.add(directory)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        with open(source, "rb") as original, open(target, "xb") as copy:
            shutil.copyfileobj(original, copy, _CHUNK)
        # Compiled files are those of a time.
        shutil.copystat(source, target)


def _first_line(python: str) -> str:
    """What has a kernel run a script by ``python``, however long that is."""
    line = f"#!{python}\n"
    if len(os.fsencode(line)) <= _FIRST_LINE and " " not in python:
        return line
    # A text in quotes to Python, and a command to sh.
    return f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n"
