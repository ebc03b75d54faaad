# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Command lines as systemd reads them: systemd.service(5), "Command lines"."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import NamedTuple

#: A program by its name, by ./ and its path in the source, or by its absolute path.
_PROGRAM = re.compile(r"(\./|/)?[A-Za-z0-9_][A-Za-z0-9._+-]*(/[A-Za-z0-9_][A-Za-z0-9._+-]*)*")
#: A word with its quotes. Spaces and tabs alone part words, whatever else Unicode calls a space.
_WORD = re.compile(r"""(?:[^ \t"'\\]|\\.|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')+""")
_PREFIXES = "-@:+!|"
#: What joins and redirects commands in a shell.
_SHELLS_OWN = re.compile(r"&&?|\|\|?|\|&|(\d|&)?(>>?|<<?<?)&?\S*|(.*[^\\])?;")
#: Words of a shell that are no programs, and what does the same here.
_BUILTINS = {
    "cd": "the source is the working directory, and WorkingDirectory in python_service_unit_options sets another",
    "export": "write the variable into python_service_environment",
    "set": "write variables into python_service_environment",
    "unset": "UnsetEnvironment in python_service_unit_options does it",
    "source": "the virtual environment is in use without it, and variables go into python_service_environment",
    ".": "the virtual environment is in use without it, and variables go into python_service_environment",
    "exec": "leave it out",
    "eval": "leave it out",
    "ulimit": "directives such as LimitNOFILE in python_service_unit_options do it",
    "umask": "UMask in python_service_unit_options does it",
}
_VENV_IN_USE = "the virtual environment is in use without it"
#: What stands before a program elsewhere and has no place here, and why.
_WRAPPERS = {
    **{f"{tool} run": _VENV_IN_USE for tool in ("hatch", "pdm", "pipenv", "poetry", "rye", "uv")},
    "nohup": "systemd keeps the program running",
    "sudo": "python_service_user names the account",
}
#: Specifiers of systemd.unit(5) that tell of its own account, which is root.
_ROOTS = re.compile(r"(?<!%)(?:%%)*(%[gGhsuU])")
#: The name of a variable of the environment.
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*")
_VARIABLE = re.compile(r"\$\{?[A-Za-z_]\w*\}?")
#: A variable within a word, without braces; a $ before it would take it for text.
_WITHIN = re.compile(r"(?<!\$)(?:\$\$)*(\$([A-Za-z_][A-Za-z0-9_]*))")
_IN_A_SHELL = "write /bin/sh -c 'exec …' around the command"


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


def shell_problem(command: str, *, expands: bool = True) -> str | None:
    """What in a command only a shell would do as it is meant, and what to write instead, if there is such.

    What stands in quotes is meant for the program. systemd ``expands`` variables of the
    unit in ``ExecStart=``: ``$A`` as a word of its own, and ``${A}`` anywhere (systemd.service(5),
    "Command lines").
    """
    words = [word[0] for word in _WORD.finditer(command)]
    first = words[0] if words else ""
    if _ASSIGNMENT.fullmatch(first):
        return (
            f"{first.partition('=')[0]}= sets no variable; write it into python_service_environment"
        )
    if first in _BUILTINS:
        return f"{first} is a shell's own, and no program; {_BUILTINS[first]}"
    said = (_word_problem(word, expands=expands) for word in words if not re.search("[\"']", word))
    return next((words for words in said if words), None)


def needless_problem(words: Sequence[str]) -> str | None:
    """What stands before the program that needs nothing before it, if something does."""
    for before in (words[0], " ".join(words[:2])):
        if before in _WRAPPERS:
            return f"leave {before!r} out; {_WRAPPERS[before]}"
    return None


def specifier_problem(command: str) -> str | None:
    """Which part of a command systemd would replace by what is root's, if there is one."""
    found = _ROOTS.search(command)
    if not found:
        return None
    return f"systemd would write root's own in the place of {found[1]}; write %{found[1]} if the program is to get it"


def _word_problem(word: str, *, expands: bool) -> str | None:
    if _SHELLS_OWN.fullmatch(word):
        return f"the program would be given {word}; {_IN_A_SHELL}, or {word!r} if the program is to get it"
    if word.startswith("~"):
        return f"{word} would stay as it is; write the whole path"
    if re.search(r"`|\$\(", word):
        return f"{word} would not be run; {_IN_A_SHELL}"
    if not expands:
        found = _VARIABLE.search(word)
        return f"{found[0]} would stay as it is; {_IN_A_SHELL}" if found else None
    within = _WITHIN.search(word)
    if within and within[1] != word:
        return f"{within[1]} would stay as it is within a word; write ${{{within[2]}}}"
    return None


def with_program(program: str, command: str) -> str:
    """A command with the path of its program in the place of its first word, and the rest as it was written."""
    first = _WORD.search(command)
    rest = command[first.end() :].strip(" \t") if first else ""
    return f"{program} {rest}".rstrip(" ")


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
