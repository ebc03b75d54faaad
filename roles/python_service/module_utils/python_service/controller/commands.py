# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Command lines as systemd reads them: systemd.service(5), "Command lines"."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

#: A program by its name, by ./ and its path in the source, or by its absolute path.
_PROGRAM = re.compile(r"(\./|/)?[A-Za-z0-9_][A-Za-z0-9._+-]*(/[A-Za-z0-9_][A-Za-z0-9._+-]*)*")
#: A word with its quotes. Spaces and tabs alone part words, whatever else Unicode calls a space.
_WORD = re.compile(r"""(?:[^ \t"'\\]|\\.|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')+""")
_PREFIXES = "-@:+!|"


class Program(NamedTuple):
    """The program of a command: what stands before its path or name, that, and where in the line."""

    prefix: str
    name: str
    start: int
    end: int

    @property
    def is_roots(self) -> bool:
        """Whether it runs with root's rights, whoever the service runs as."""
        return "+" in self.prefix or "!" in self.prefix


def words_of(command: str) -> list[str]:
    """The words of a command as ``ExecStart=`` splits them, for looking at only."""
    return shlex.split(command)


def rest_of(command: str) -> str:
    """What follows the first word of a command, as it was written."""
    first = _WORD.search(command)
    return command[first.end() :].strip(" \t") if first else ""


def programs_of(line: str) -> Iterator[Program]:
    """The programs of a line of ``ExecStartPre=`` and the like: of several commands where a ; is between."""
    begins = True
    for word in _WORD.finditer(line):
        if begins:
            text = re.sub(r"""\\(.)|["']""", r"\1", word[0])
            name = text.lstrip(_PREFIXES)
            yield Program(text[: len(text) - len(name)], name, word.start(), word.end())
        begins = word[0] == ";"


def is_program(name: str) -> bool:
    """Whether this can be the first word of a command."""
    return bool(_PROGRAM.fullmatch(name)) and ".." not in name.split("/")


def is_ours(name: str) -> bool:
    """Whether a program is looked for where the service has its own: by its name, or in the source."""
    return is_program(name) and ("/" not in name or name.startswith("./"))


def located(line: str) -> str:
    """A line of ``ExecStartPre=`` and the like, in which programs are found as that of the service.

    systemd itself knows neither the virtual environment nor the source; env(1) looks into the
    ``PATH`` of the unit, where the former is first, and into the working directory, which is the
    latter.
    """
    pieces, done = [], 0
    for program in programs_of(line):
        # With | a shell of the host's looks it up itself.
        if is_ours(program.name) and "|" not in program.prefix:
            pieces += [line[done : program.start], f"{program.prefix}/usr/bin/env {program.name}"]
            done = program.end
    return "".join([*pieces, line[done:]])
