# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What a service needs from an index: requirements, their files, and the project's own word.

Files are read here, with all that they include, and travel to the host as
``0.txt``, ``1.txt`` and so on, the first being the one that pip is given. What
no host could install is refused before anything is touched.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import tomllib

from ..errors import ServiceError
from ..source import Source
from .manual import PREFIX
from .pip_format import (
    LineError,
    check,
    has_variables,
    logical_lines,
    parse,
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
#: Locks of other forms, and what writes them as requirements.
_LOCKS = {
    "pdm.lock": "pdm export",
    "poetry.lock": "poetry export",
    "pylock.toml": "uv export",
    "pyproject.toml": "uv pip compile pyproject.toml",
    "uv.lock": "uv export",
}


class Project(NamedTuple):
    """What ``pyproject.toml`` says of an installable project.

    ``dependencies`` are requirement lines; ``untold`` says why they are not all
    of what it needs, and what to write, or is empty.
    """

    dependencies: tuple[str, ...]
    scripts: frozenset[str]
    untold: str = ""


def read_requirements(requirements: str | Sequence[str], directory: str) -> tuple[str, ...]:
    """Texts of all requirements files; none where nothing is required.

    ``requirements`` is the path of a file or a list of lines, and ``directory``
    what paths in such a list are relative to. Raises `ServiceError`.
    """
    reader = _Reader()
    if isinstance(requirements, str):
        reader.read(requirements, constraining=False, above=(), where="")
    elif requirements:
        lines = "\n".join(requirements).splitlines()
        reader.add(lines, directory, constraining=False, above=())
    return tuple(reader.texts)


def read_project(source: Source) -> Project | None:
    """The project that a source is, or None where it says of no build system.

    Raises `ServiceError` for a ``pyproject.toml`` that cannot be read.
    """
    if not any(entry.path == "pyproject.toml" for entry in source.entries):
        return None
    path = os.path.join(source.root, "pyproject.toml")
    try:
        with open(path, "rb") as file:
            content = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ServiceError(f"{PREFIX}src: {path} cannot be read: {error}") from error
    if "build-system" not in content:  # PEP 517: nothing here is to be built
        return None
    project = _table(content, "project")
    poetry = _table(_table(content, "tool"), "poetry")
    dependencies = project.get("dependencies", [])
    if not isinstance(dependencies, list) or not all(isinstance(one, str) for one in dependencies):
        raise ServiceError(
            f"{PREFIX}src: {path} has project.dependencies that are no list of texts; "
            "write dependencies = ['flask>=3']"
        )
    scripts = [
        *_table(project, "scripts"),
        *_table(project, "gui-scripts"),
        *_table(poetry, "scripts"),
    ]
    reasons = [*_unfit(dependencies), *_untold(source, content)]
    untold = f"is not given, and {path} {reasons[0]}" if reasons else ""
    return Project(tuple(dependencies), frozenset(scripts), untold)


class _Reader:
    """Collects the texts of files, each once, in the order in which they are met."""

    def __init__(self) -> None:
        self.texts: list[str] = []
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
            where = f"line {first + 1}" + (f" of {above[-1]}" if above else "")
            try:
                line = parse(text)
                if line.file is None:
                    check(line, constraining=constraining)
            except LineError as problem:
                if has_variables(text):
                    continue  # the host has the last word on what it says
                raise _refusal(where, f"{text!r} {problem}") from problem
            if line.file is None:
                continue
            file = with_variables(line.file)
            if re.match(r"https?:", file, re.IGNORECASE):
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


def _unfit(dependencies: Sequence[str]) -> Iterator[str]:
    """What is wrong with dependencies of a project."""
    for text in dependencies:
        try:
            check(parse(text), constraining=False)
        except LineError as problem:
            yield without_credentials(f"has a dependency {text!r}, which {problem}")


def _untold(source: Source, content: Mapping[str, Any]) -> Iterator[str]:
    """Why ``pyproject.toml`` does not say all that its project needs, and what to write."""
    project, tool = _table(content, "project"), _table(content, "tool")
    dynamic = "dependencies" in project.get("dynamic", ())
    if "poetry" in tool:
        if _poetry_needs(_table(tool, "poetry")) and (dynamic or "dependencies" not in project):
            yield _locked(source, "names what it needs in Poetry's own form", "poetry export")
    elif dynamic:
        file = _table(_table(_table(tool, "setuptools"), "dynamic"), "dependencies").get("file")
        if isinstance(file, list) and len(file) == 1:
            file = file[0]
        if isinstance(file, str):
            path = os.path.join(source.root, file)
            yield f"has its dependencies in {file}; write {_VARIABLE}: {path}"
        else:
            words = "leaves its dependencies to those who build it (dynamic)"
            yield _locked(source, words, "uv pip compile pyproject.toml")
    elif "project" not in content:  # its build system has a form of its own
        if _table(_table(tool, "flit"), "metadata").get("requires"):
            words = "names what it needs in Flit's own form"
            yield _locked(source, words, "uv pip compile pyproject.toml")
        for name in ("setup.cfg", "setup.py"):
            if _mentions(source, name, "install_requires"):
                words = f"leaves its dependencies to {name}"
                yield _locked(source, words, f"uv pip compile {name}")


def _poetry_needs(poetry: Mapping[str, Any]) -> bool:
    """Whether a project needs more than Python, by ``tool.poetry.dependencies``."""
    return any(
        name.lower() != "python"
        and not (isinstance(wanted, dict) and wanted.get("optional") is True)
        for name, wanted in _table(poetry, "dependencies").items()
    )


def _mentions(source: Source, name: str, word: str) -> bool:
    if not any(entry.path == name for entry in source.entries):
        return False
    with open(os.path.join(source.root, name), encoding="utf-8", errors="replace") as file:
        return word in file.read()


def _locked(source: Source, words: str, command: str) -> str:
    path = os.path.join(source.root, "requirements.txt")
    return f"{words}; run '{command} -o requirements.txt' there and write {_VARIABLE}: {path}"


def _table(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = content.get(name)
    return table if isinstance(table, dict) else {}


def _refusal(where: str, words: str) -> ServiceError:
    return ServiceError(without_credentials(": ".join(filter(None, [_VARIABLE, where, words]))))
