# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What a service needs from an index, as pip's requirements files say it.

Files are read here, with all that they include, and travel to the host as
``0.txt``, ``1.txt`` and so on, the first being the one that pip is given. What
no host could install is refused before anything is touched.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from packaging.requirements import Requirement

from ..building import PROJECT_FILES
from ..errors import ServiceError
from .manual import PREFIX
from .pip_format import (
    Line,
    LineError,
    check,
    has_variables,
    logical_lines,
    named,
    parse,
    path_of,
    with_variables,
    without_credentials,
)

_VARIABLE = f"{PREFIX}requirements"
#: A mark at the beginning of a file, and the encoding that takes it away; longer ones first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: A comment in one of the first two lines that names the encoding of a file (PEP 263).
_ENCODING = re.compile(r"#.*?coding[:=]\s*([-\w.]+)")
#: A line that includes a file, as it is written here.
_INCLUDED = re.compile(r"^(-[rc] )(\d+)\.txt$", re.MULTILINE)
#: A line with variables that no pip could read as it is written here.
_UNTOLD = Line(None, editable=False, file=None, constraining=False, locations=())
#: Locks of other forms, and what writes them as requirements.
_LOCKS = {
    "pdm.lock": "pdm export",
    "poetry.lock": "poetry export",
    "pyproject.toml": "uv pip compile pyproject.toml",
    "uv.lock": "uv export",
}


class Local(NamedTuple):
    """A project in a directory of the controller that a line names, for hosts that ``marker`` names."""

    path: str
    extras: tuple[str, ...] = ()
    marker: str = ""


class Requirements(NamedTuple):
    """Texts of requirements files, of which the first is the one that pip is given, and what they say.

    ``lines`` are what is required, each as it is written, and ``locals`` the
    projects among them that lie here. It is ``hashed`` where a line has a hash:
    pip asks for one of everything then. ``elsewhere`` says that the host knows
    more, by a variable or from an address.
    """

    texts: tuple[str, ...] = ()
    locals: tuple[Local, ...] = ()
    lines: tuple[str, ...] = ()
    hashed: bool = False
    elsewhere: bool = False

    @property
    def named(self) -> list[Requirement]:
        """What is required by name."""
        found = map(named, self.lines)
        return [requirement for requirement in found if requirement]

    def joined(self, other: Requirements) -> Requirements:
        """These, and all of ``other``."""
        if not other.texts:
            return self._replace(locals=(*self.locals, *other.locals))
        first, *rest = self.texts or ("",)
        # Files are known by their numbers, which are others here.
        moved = len(rest) + 1
        theirs = [
            _INCLUDED.sub(lambda line: f"{line[1]}{int(line[2]) + moved}.txt", text)
            for text in other.texts
        ]
        return Requirements(
            (f"{first}-r {moved}.txt\n", *rest, *theirs),
            (*self.locals, *other.locals),
            (*self.lines, *other.lines),
            self.hashed or other.hashed,
            self.elsewhere or other.elsewhere,
        )


def read_requirements(
    requirements: str | Sequence[str], directory: str, within: str = "/", source: str = ""
) -> Requirements:
    """All requirements files; none where nothing is required.

    ``requirements`` is the path of a file or a list of lines, and ``directory``
    what paths in such a list are relative to. Projects that lines name lie
    ``within`` a directory, and ``source`` is what people know the lines by, if
    it is no file. Raises `ServiceError`.
    """
    reader = _Reader(within, source)
    if isinstance(requirements, str):
        reader.read(requirements, constraining=False, above=(), where="")
    elif requirements:
        lines = "\n".join(requirements).splitlines()
        reader.add(lines, directory, constraining=False, above=())
    return Requirements(
        tuple(reader.texts),
        tuple(dict.fromkeys(reader.locals)),
        tuple(reader.lines),
        reader.hashed,
        reader.elsewhere,
    )


class _Reader:
    """Collects the texts of files, each once, in the order in which they are met."""

    def __init__(self, within: str, source: str) -> None:
        self.texts: list[str] = []
        self.locals: list[Local] = []
        self.lines: list[str] = []
        self.hashed = self.elsewhere = False
        self._within = within
        self._source = source
        self._numbers: dict[tuple[str, bool], int] = {}

    def read(self, path: str, *, constraining: bool, above: tuple[str, ...], where: str) -> int:
        """Number of the file ``path``, which stands in those ``above`` it, last at ``where``."""
        if path in above:
            raise _refusal(where, f"{path} includes itself; take one of the two away")
        number = self._numbers.get((path, constraining))
        if number is None:
            number = self._numbers[path, constraining] = len(self.texts)
            lines = _lines(path, where)
            base = os.path.dirname(path)
            self.add(lines, base, constraining=constraining, above=(*above, path))
        return number

    def add(
        self, lines: list[str], base: str, *, constraining: bool, above: tuple[str, ...]
    ) -> None:
        """Add a file of ``lines``, in which paths are relative to ``base``."""
        number = len(self.texts)
        self.texts.append("")
        for first, end, text in logical_lines(lines):
            whose = above[-1] if above else self._source
            where = f"line {first + 1}" + (f" of {whose}" if whose else "")
            line = self._line(text, where, base, constraining=constraining)
            if line is None:
                lines[first:end] = [""] * (end - first)
            if line is None or line.file is None:
                continue
            file = with_variables(line.file)
            if re.match(r"https?:", file, re.IGNORECASE):
                self.elsewhere = True
                continue  # pip fetches it
            if file.lower().startswith("file:"):
                raise _refusal(where, f"{text!r} names a file by its address; write its path")
            included = self.read(
                os.path.normpath(os.path.join(base, file)),
                constraining=line.constraining,
                above=above,
                where=where,
            )
            option = "-c" if line.constraining else "-r"
            lines[first:end] = [f"{option} {included}.txt", *[""] * (end - first - 1)]
        for index, line_ in enumerate(lines[:2]):
            if _ENCODING.match(line_):
                lines[index] = "#"  # all travel as UTF-8
        self.texts[number] = "\n".join(lines) + "\n"

    def _line(self, text: str, where: str, base: str, *, constraining: bool) -> Line | None:
        """What a line says; None for one that names a project that lies here."""
        self.hashed = self.hashed or " --hash" in text
        self.elsewhere = self.elsewhere or has_variables(text)
        try:
            line = parse(text)
            if line.requirement and not constraining:
                if self._is_local(line.requirement, base):
                    return None
                self.lines.append(line.requirement)
            if line.file is None:
                check(line, constraining=constraining)
        except LineError as problem:
            if not has_variables(text):
                raise _refusal(where, f"{text!r} {problem}") from problem
            return _UNTOLD  # the host has the last word on what it says
        return line

    def _is_local(self, requirement: str, base: str) -> bool:
        """Whether a requirement names a project that lies here, which is noted then."""
        path, extras, marker = path_of(requirement)
        path = os.path.normpath(os.path.join(base, path)) if path else ""
        if not path or not any(os.path.isfile(os.path.join(path, name)) for name in PROJECT_FILES):
            return False
        real, within = os.path.realpath(path), os.path.realpath(self._within)
        if os.path.commonpath([real, within]) != within:
            raise LineError(
                f"names a project outside of {self._within}; "
                f"ship it as a wheel in {PREFIX}wheelhouse"
            )
        self.locals.append(Local(real, extras, marker))
        return True


def _lines(path: str, where: str) -> list[str]:
    command = _LOCKS.get(os.path.basename(path))
    if command:
        words = f"{path} is no requirements file; write one with '{command} -o requirements.txt'"
        raise _refusal(where, words)
    try:
        with open(path, "rb") as file:
            return _decode(file.read()).splitlines()
    except (OSError, UnicodeError, LookupError) as error:
        raise _refusal(where, f"{path} cannot be read: {error}") from error


def _decode(data: bytes) -> str:
    """The text of a requirements file, in the encoding that pip would find."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding)
    for line in data.split(b"\n", 2)[:2]:
        named = _ENCODING.match(line.decode("latin-1"))
        if named:
            return data.decode(named[1])
    return data.decode()


def _refusal(where: str, words: str) -> ServiceError:
    return ServiceError(without_credentials(": ".join(filter(None, [_VARIABLE, where, words]))))
