# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Check ``python_service_unit_options``: what systemd does not say itself, or says too late."""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .commands import Program, is_ours, is_program, programs_of
from .manual import PREFIX
from .places import lies_in
from .problems import kind_of, line_problems, problem
from .settings import items_of

#: Sections of a service's unit (systemd.unit(5), systemd.service(5)).
SECTIONS = ("Unit", "Service", "Install")
#: Sections of other units of a process, by the variables that it has these units for.
FURTHER_SECTIONS = {"Socket": "listen", "Timer": "schedule"}
#: Directives that are commands (systemd.service(5)).
COMMANDS = (
    "ExecCondition",
    "ExecReload",
    "ExecReloadPost",
    "ExecStartPost",
    "ExecStartPre",
    "ExecStop",
    "ExecStopPost",
)
#: Directives that have a variable of their own.
_OWNED = {
    ("Unit", "Description"): "description",
    ("Service", "Type"): "type",
    ("Service", "ExecStart"): "command",
    ("Service", "User"): "user",
    ("Service", "Group"): "group",
    ("Socket", "ListenStream"): "listen",
    ("Timer", "OnCalendar"): "schedule",
}
#: With these, systemd refuses to restart what is to be restarted.
_NO_RESTARTS = (("Unit", "RefuseManualStart"), ("Unit", "RefuseManualStop"))
#: A boolean of systemd.syntax(7), of which parse_boolean() also knows the first letters.
TRUE = ("1", "yes", "y", "true", "t", "on")
_DIRECTIVE = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


def unit_options_problems(arguments: Mapping[str, Any], base: str) -> Iterator[str]:
    """What is wrong with the options of a process of a service whose own directory is ``base``."""
    for section, directives in arguments["unit_options"].items():
        variable = FURTHER_SECTIONS.get(section)
        if section not in (*SECTIONS, *FURTHER_SECTIONS):
            known = (*SECTIONS, *FURTHER_SECTIONS)
            yield problem("unit_options", _unknown("section", section, known))
        elif variable and not arguments.get(variable):
            said = f"{section} goes with {PREFIX}{variable}; write that, or leave this out"
            yield problem("unit_options", said)
        elif not isinstance(directives, dict):
            yield problem(
                "unit_options", f"{section} is {kind_of(directives)}; write {{directive: value}}"
            )
        else:
            for directive, value in directives.items():
                yield from _directive(section, directive, value, base)


def _directive(section: str, directive: Any, value: Any, base: str) -> Iterator[str]:
    if not isinstance(directive, str) or not _DIRECTIVE.fullmatch(directive):
        said = f"{section}: {directive!r} is not the name of a directive; see systemd.directives(7)"
        yield problem("unit_options", said)
        return
    where = f"{section}.{directive} "
    if (section, directive) in _OWNED:
        yield problem(
            "unit_options",
            f"{where}has a variable of its own; write {PREFIX}{_OWNED[section, directive]}",
        )
        return
    for item in items_of(value):
        if not isinstance(item, (str, int, float)):
            yield problem(
                "unit_options",
                f"{where}is {kind_of(item)}; write a string, a number, a boolean or a list of them",
            )
        else:
            yield from line_problems("unit_options", str(item), where)
            if str(item).rstrip().endswith("\\"):
                yield problem("unit_options", f"{where}ends with a backslash; leave it out")
            for words in _reasons(section, directive, str(item), base):
                yield problem("unit_options", f"{where}{words}")


def _reasons(section: str, directive: str, text: str, base: str) -> Iterator[str]:
    """Why this value of this directive will not do."""
    if directive == "LogExtraFields" and not text:
        yield "would drop the role's own field; leave '' out"
    if (section, directive) in _NO_RESTARTS and text.strip().lower() in TRUE:
        yield "keeps systemd from restarting the service, so no release would ever come up; leave it out"
    if section == "Service" and directive in COMMANDS:
        for program in programs_of(text):
            yield from _program_reasons(program, base)


def _program_reasons(program: Program, base: str) -> Iterator[str]:
    """Why a program will not do that systemd starts beside the service's own."""
    said = repr(program.prefix + program.name)
    if program.is_roots:
        # Root must not run what packages, or whoever wrote the source, have brought.
        plain = is_program(program.name) and program.name.startswith("/")
        if not plain or posixpath.basename(program.name) == "env":
            yield (
                f"{said} is run with root's rights and looked for in the virtual environment and "
                "the source as well; write the absolute path of a program of the host, or no + and !"
            )
        elif lies_in(program.name, base):
            yield (
                f"{said} would have root run what the release brings; write a program of the host, "
                "or no + and !"
            )
    elif "@" in program.prefix and is_ours(program.name):
        # It is found by env(1), which cannot give it another name.
        yield f"{said} has an @, which goes with absolute paths alone; write one, or no @"


def _unknown(what: str, name: Any, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(name), known, n=1)
    expected = close[0] if close else "one of " + ", ".join(known)
    return f"{name!r} is not a {what} of a service's unit; write {expected}"
