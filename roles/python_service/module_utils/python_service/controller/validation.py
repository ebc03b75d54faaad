# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Check what the role was given, before anything is touched.

Types and choices are `meta/argument_specs.yml`'s affair; here is what a type
cannot say. Each problem is one text: the variable, what is wrong with it, and
what to write instead.
"""

from __future__ import annotations

import difflib
import math
import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..errors import ServiceError
from ..model import RELEASE_FIELD
from .manual import PREFIX, known_variables, specification

#: What the role sets for others to read; no input.
FACTS = ("python_service_result",)

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
# useradd(8) and groupadd(8), and the limit of utmp(5)
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_PATH = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9._+-]*)+")
_PROGRAM = re.compile(r"(\./|/)?[A-Za-z0-9_][A-Za-z0-9._+-]*(/[A-Za-z0-9_][A-Za-z0-9._+-]*)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DIRECTIVE = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_URL = re.compile(r"https?://\S+")
#: What systemd refuses in a unit file, or reads as the end of a line. Noncharacters are last.
_CONTROL = re.compile(
    "[\\x00-\\x08\\x0a-\\x1f\\x7f\\ud800-\\udfff\\ufdd0-\\ufdef"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
    + "]"
)
_HOST_PATHS = ("root", "python")
_KINDS = {"dict": "dictionary", "list": "list"}
#: The kernel's limit for one string of an environment: execve(2), MAX_ARG_STRLEN.
_LONGEST = 128 * 1024

#: Sections of a service's unit (systemd.unit(5), systemd.service(5)).
SECTIONS = ("Unit", "Service", "Install")
#: Keys of the health check.
HEALTH = ("url", "command", "status", "timeout")
#: Directives that have a variable of their own.
_OWNED = {
    ("Unit", "Description"): "description",
    ("Service", "Type"): "type",
    ("Service", "ExecStart"): "command",
    ("Service", "User"): "user",
    ("Service", "Group"): "group",
}


def validate(entry: str, given: Mapping[str, Any], variables: Iterable[str]) -> dict[str, Any]:
    """What an entry point was given, by names without the prefix, of the types that they have.

    ``variables`` are the names of all variables that the host has. Raises
    `ServiceError` with all that is wrong, a line each.
    """
    types = specification(entry)
    found = [*_unknown_variables(variables), *_kind_problems(given, types)]
    if not found:
        arguments, found = _typed(given, types)
    if not found:
        found = _problems(arguments) if entry == "main" else _rollback_problems(arguments)
    if found:
        raise ServiceError("\n".join(found))
    return arguments


def _typed(
    given: Mapping[str, Any], types: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Any], list[str]]:
    """Values of the types and choices that the specification asks for, and Ansible's word on those that are not."""
    # By their full names, which are what a person looks for in what Ansible says.
    validator = ArgumentSpecValidator({PREFIX + name: option for name, option in types.items()})
    result = validator.validate({PREFIX + name: value for name, value in given.items()})
    arguments = {name[len(PREFIX) :]: value for name, value in result.validated_parameters.items()}
    # Ansible expands ~ and $ in a path as on the controller, and these are the host's.
    arguments.update({name: str(given[name]) for name in _HOST_PATHS if name in given})
    return arguments, result.error_messages


def _unknown_variables(given: Iterable[str]) -> list[str]:
    """Problems with variables that begin with the role's prefix and are none of its own."""
    known = [*known_variables(), *FACTS]
    problems = []
    for name in sorted(given):
        if name.startswith(PREFIX) and name not in known:
            # The prefix is alike in all of them: only the rest tells which one was meant.
            rests = [other[len(PREFIX) :] for other in known]
            close = difflib.get_close_matches(name[len(PREFIX) :], rests, n=1)
            hint = f"; write {PREFIX}{close[0]}" if close else ""
            problems.append(f"{name}: the role has no such variable{hint}")
    return problems


def _kind_problems(
    given: Mapping[str, Any], specification: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Values of another kind than the variable's, which Ansible would turn into text."""
    found = []
    for name, value in given.items():
        kind = specification[name]["type"]
        if value is False and "off" in specification[name].get("choices", ()):
            continue  # YAML's word for false, which Ansible takes for the choice that was meant
        if kind in ("str", "path") and (
            isinstance(value, bool) or not isinstance(value, (str, int, float))
        ):
            found.append(problem(name, f"is {_kind(value)}; write a string"))
        elif kind in ("dict", "list") and not isinstance(value, dict if kind == "dict" else list):
            found.append(problem(name, f"is {_kind(value)}; write a {_KINDS[kind]}"))
    return found


def _problems(arguments: Mapping[str, Any]) -> list[str]:
    """All that is wrong with the role's arguments, named without their prefix.

    They have passed the argument specification, so that types are right.
    """
    found = [*_name(arguments), *_accounts_and_paths(arguments)]
    if arguments["state"] != "absent":
        found += _command(arguments.get("command"))
        found += _texts(arguments)
        if not arguments.get("src") and not arguments["requirements"]:
            found.append(
                problem(
                    "src",
                    "is missing; write the directory or the .py file to ship, "
                    "or let python_service_requirements bring the program",
                )
            )
        found += _environment(arguments["environment"])
        found += _unit_options(arguments["unit_options"])
        found += _requirements(arguments["requirements"])
        found += _health(arguments["health"])
        found += _settle(arguments["settle"])
        found += _keep_releases(arguments["keep_releases"])
    return found


def _rollback_problems(arguments: Mapping[str, Any]) -> list[str]:
    """All that is wrong with the arguments of a rollback; as `_problems`."""
    return [*_name(arguments), *_keep_releases(arguments["keep_releases"])]


def words_of(command: str) -> list[str]:
    """The words of a command as ``ExecStart=`` splits them, for looking at only."""
    return shlex.split(command)


def problem(name: str, text: str) -> str:
    """One problem: the variable ``name``, given without its prefix, and what is wrong with it."""
    return f"{PREFIX}{name}: {text}"


def _name(arguments: Mapping[str, Any]) -> Iterator[str]:
    if not _NAME.fullmatch(arguments["name"]):
        yield problem(
            "name",
            f"{arguments['name']!r} cannot name a unit and an account; write lower-case letters, "
            "digits, _ and -, a letter first, at most 31 characters",
        )


def _accounts_and_paths(arguments: Mapping[str, Any]) -> Iterator[str]:
    for key in ("user", "group"):
        # Named after the service unless told otherwise: a bad name is one problem and not three.
        if arguments[key] != arguments["name"] and not _ACCOUNT.fullmatch(arguments[key]):
            yield problem(key, f"{arguments[key]!r} is not a valid account name; see useradd(8)")
    for key in _HOST_PATHS:
        path = arguments[key]
        if not _PATH.fullmatch(path) or posixpath.normpath(path) != path:
            yield problem(
                key,
                f"{path!r} cannot be used; write an absolute path of letters, digits and . _ + -, "
                "with no part that begins with a dot",
            )


def _texts(arguments: Mapping[str, Any]) -> Iterator[str]:
    yield from _line("description", arguments["description"])
    if arguments["description"].rstrip().endswith("\\"):
        # systemd.syntax(7): it would join the next line to this one.
        yield problem("description", "ends with a backslash; leave it out")


def _line(name: str, value: str, where: str = "") -> Iterator[str]:
    bad = _CONTROL.search(value)
    if bad:
        what = "a newline" if bad.group() in "\r\n" else f"the character {bad.group()!r}"
        yield problem(name, f"{where}contains {what}, which a unit cannot; leave it out")


def _command(command: str | None) -> Iterator[str]:
    if not command or not command.strip():
        yield problem("command", "is missing; write what to run, such as 'python -m demo'")
        return
    bad = list(_line("command", command))
    if bad:
        yield from bad
        return
    try:
        words = words_of(command)
    except ValueError as error:
        yield problem("command", f"{error} in {command!r}; close the quotes")
        return
    if command.rstrip().endswith("\\"):
        yield problem("command", "ends with a backslash; leave it out")
    if not _PROGRAM.fullmatch(words[0]) or ".." in words[0].split("/"):
        yield problem(
            "command",
            f"{words[0]!r} is not a program; write the name of one in the virtual environment, "
            "an absolute path, or ./ followed by a path in the source",
        )
    elif "/" in words[0] and not words[0].startswith(("/", "./")):
        yield problem("command", f"{words[0]!r} is ambiguous; write './{words[0]}'")


def _environment(environment: Mapping[Any, Any]) -> Iterator[str]:
    for name, value in environment.items():
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            yield problem(
                "environment",
                f"{name!r} is not the name of a variable; write letters, digits and _, with no digit first",
            )
        elif name == RELEASE_FIELD:
            yield problem("environment", f"{name} is set by the role; leave it out")
        elif isinstance(value, bool):
            yield problem(
                "environment", f"{name} is a boolean; write the string that you mean, in quotes"
            )
        elif not isinstance(value, (str, int, float)):
            yield problem("environment", f"{name} is {_kind(value)}; write a string or a number")
        elif len(f"{name}={value}".encode(errors="replace")) >= _LONGEST:
            yield problem(
                "environment",
                f"{name} is longer than the kernel allows, which is 128 KiB; put it into a file",
            )
        elif isinstance(value, float) and not math.isfinite(value):
            yield problem(
                "environment", f"{name} is not a finite number; write it as a string, in quotes"
            )
        else:
            yield from _line("environment", str(value), f"{name} ")


def _unit_options(options: Mapping[Any, Any]) -> Iterator[str]:
    for section, directives in options.items():
        if section not in SECTIONS:
            yield problem("unit_options", _unknown("section", section, SECTIONS))
        elif not isinstance(directives, dict):
            yield problem(
                "unit_options", f"{section} is {_kind(directives)}; write {{directive: value}}"
            )
        else:
            for directive, value in directives.items():
                yield from _directive(section, directive, value)


def _directive(section: str, directive: Any, value: Any) -> Iterator[str]:
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
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, (str, int, float)):
            yield problem(
                "unit_options",
                f"{where}is {_kind(item)}; write a string, a number, a boolean or a list of them",
            )
        else:
            yield from _line("unit_options", str(item), where)
            if directive == "LogExtraFields" and not str(item):
                yield problem(
                    "unit_options", f"{where}would drop the role's own field; leave '' out"
                )
            if str(item).rstrip().endswith("\\"):
                yield problem("unit_options", f"{where}ends with a backslash; leave it out")


def _requirements(requirements: Any) -> Iterator[str]:
    if isinstance(requirements, str):
        return
    if not isinstance(requirements, list) or not all(
        isinstance(item, str) for item in requirements
    ):
        yield problem(
            "requirements",
            "is neither a list of lines nor a path; write ['flask==3.1'] or the path of a file",
        )
        return
    for line in requirements:
        if "\n" in line:
            yield problem(
                "requirements", f"{line!r} is more than one line; write one line per item"
            )


def _health(health: Mapping[Any, Any]) -> Iterator[str]:
    for key in health:
        if key not in HEALTH:
            yield problem("health", f"{key!r} is not known; write one of {', '.join(HEALTH)}")
    if health and ("url" in health) == ("command" in health):
        yield problem("health", "needs either url or command; write {url: http://127.0.0.1:8000/}")
    if "url" in health and not _URL.fullmatch(str(health["url"])):
        yield problem(
            "health", f"url {health['url']!r} cannot be used; write http://HOST:PORT/PATH"
        )
    if "command" in health:
        yield from _health_command(str(health["command"]))
        if "status" in health:
            yield problem(
                "health", "status goes with url; a command is healthy when it ends with 0"
            )
    for key in ("status", "timeout"):
        value = health.get(key, 1)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not 0 < value < math.inf:
            yield problem("health", f"{key} {value!r} is not a number above 0")


def _health_command(command: str) -> Iterator[str]:
    yield from _line("health", command, "command ")
    try:
        words = words_of(command)
    except ValueError as error:
        yield problem("health", f"command: {error}; close the quotes")
    else:
        if not words:
            yield problem("health", "command is empty; write what to run")


def _settle(seconds: float) -> Iterator[str]:
    if not 0 <= seconds < math.inf:
        yield problem("settle", f"{seconds} will not do; write seconds, 0 or more")


def _keep_releases(number: int) -> Iterator[str]:
    if number < 1:
        yield problem("keep_releases", f"{number} is below 1; write how many releases are to stay")


def _unknown(what: str, name: Any, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(name), known, n=1)
    expected = close[0] if close else "one of " + ", ".join(known)
    return f"{name!r} is not a {what} of a service's unit; write {expected}"


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    for kind, name in ((dict, "a dictionary"), (list, "a list"), (bool, "a boolean")):
        if isinstance(value, kind):
            return name
    return "a string" if isinstance(value, str) else "a number"
