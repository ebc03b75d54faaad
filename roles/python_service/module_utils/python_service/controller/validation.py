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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..errors import ServiceError
from ..model import INSTANCE_FIELD, RELEASE_FIELD, SECRET_ENVIRONMENT
from .commands import (
    VARIABLE,
    is_program,
    needless_problem,
    shell_problem,
    specifier_problem,
    words_of,
)
from .configuration import elsewhere_problems, file_problems
from .hardening import hardening_problems
from .health_check import MOST_SECONDS, health_problems, is_duration
from .manual import PREFIX, known_variables, specification
from .pip_options import OptionError, pip_options
from .places import current_problems, own_directories, root_problems
from .problems import kind_of, line_problems, named, prepare_item, problem
from .processes import (
    activation_problems,
    address_problems,
    process_defaults,
    process_types,
    shape_problems,
)
from .secrets import credential_problems, secret_problems
from .unit_options import unit_options_problems

#: What the role sets for others to read; no input.
FACTS = ("python_service_result",)

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
# useradd(8) and groupadd(8), and the limit of utmp(5)
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_PATH = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9._+-]*)+")
_EXTRA = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_HOST_PATHS = ("root", "python")
_OF_PREPARE = ("command", "once", "timeout")
_KINDS = {
    "bool": "true or false",
    "dict": "a dictionary",
    "float": "a number",
    "int": "a number",
    "list": "a list",
    "path": "a string",
    "str": "a string",
}
#: The kernel's limit for one string of an environment: execve(2), MAX_ARG_STRLEN.
_LONGEST = 128 * 1024


def validate(entry: str, given: Mapping[str, Any], variables: Iterable[str]) -> dict[str, Any]:
    """What an entry point was given, by names without the prefix, of the types that they have.

    ``variables`` are the names of all variables that the host has. Raises
    `ServiceError` with all that is wrong, a line each.
    """
    types = specification(entry)
    found = [*_unknown_variables(variables), *_kind_problems(given, types)]
    if not found:
        arguments, found = _typed(given, types)
    if not found and "processes" in arguments:
        arguments["processes"], found = _processes(arguments["processes"])
    if not found:
        found = [
            *(_rollback_problems if entry == "rollback" else _problems)(arguments),
            *(_half_problems(arguments) if entry in ("stage", "activate") else []),
        ]
    if found:
        raise ServiceError("\n".join(found))
    return arguments


def _processes(given: Mapping[Any, Any]) -> tuple[dict[str, Any], list[str]]:
    """The further processes with all that a process has, and what keeps them from being read."""
    found, types, typed = list(shape_problems(given)), process_types(), {}
    if found:
        return {}, found
    for name, process in given.items():
        kinds = [named(text, name) for text in _kind_problems(process, types)]
        values, errors = ({}, kinds) if kinds else _typed(process, types, f"processes.{name}.")
        said = {key: value for key, value in values.items() if value is not None}
        typed[name] = {**process_defaults(), **said}
        found += errors
    return typed, found


def _typed(
    given: Mapping[str, Any], types: Mapping[str, Mapping[str, Any]], before: str = ""
) -> tuple[dict[str, Any], list[str]]:
    """Values of the types and choices that the specification asks for, and Ansible's word on those that are not."""
    # By their full names, which are what a person looks for in what Ansible says.
    prefix = PREFIX + before
    validator = ArgumentSpecValidator({prefix + name: option for name, option in types.items()})
    result = validator.validate({prefix + name: value for name, value in given.items()})
    arguments = {name[len(prefix) :]: value for name, value in result.validated_parameters.items()}
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
        if kind in ("str", "path"):
            right = isinstance(value, (str, int, float)) and not isinstance(value, bool)
        elif kind in ("dict", "list"):
            right = isinstance(value, dict if kind == "dict" else list)
        elif kind in ("int", "float"):
            right = value is not None and not isinstance(value, bool)
        else:
            right = value is not None or kind != "bool"
        if not right:
            found.append(problem(name, f"is {kind_of(value)}; write {_KINDS[kind]}"))
    return found


def _problems(arguments: Mapping[str, Any]) -> list[str]:
    """All that is wrong with the role's arguments, named without their prefix.

    They have passed the argument specification, so that types are right.
    """
    found = [*_name(arguments), *_accounts_and_paths(arguments)]
    if arguments["state"] != "absent":
        base = f"{arguments['root']}/{arguments['name']}"
        is_named = not found
        if is_named:
            found += _own_name(arguments["name"])
        found += _texts(arguments)
        if not arguments.get("src") and not arguments["requirements"]:
            found.append(
                problem(
                    "src",
                    "is missing; write the directory or the file to ship, "
                    "or let python_service_requirements bring the program",
                )
            )
        found += _process_problems(arguments, base, is_named=is_named)
        found += _prepare(arguments["prepare"])
        for name, process in arguments["processes"].items():
            # With what all processes share.
            merged = {**arguments, **process}
            found += [
                named(text, name) for text in _process_problems(merged, base, is_named=is_named)
            ]
        found += address_problems(arguments)
        found += secret_problems(arguments)
        found += file_problems(arguments)
        found += _requirements(arguments["requirements"])
        found += _extras(arguments["extras"])
        found += _pip_options(arguments)
        found += _keep_releases(arguments["keep_releases"])
    return found


def _process_problems(arguments: Mapping[str, Any], base: str, *, is_named: bool) -> Iterator[str]:
    """What is wrong with one process of a service whose own directory is ``base``."""
    name = arguments["name"]
    if is_named:
        yield from root_problems(name, arguments["root"], arguments["unit_options"])
        yield from current_problems(base, arguments)
    yield from _command(arguments.get("command"))
    yield from _environment(arguments["environment"])
    yield from unit_options_problems(arguments, base)
    yield from hardening_problems(arguments, base)
    yield from credential_problems(arguments)
    yield from elsewhere_problems(arguments)
    yield from health_problems(arguments["health"])
    yield from _settle(arguments["settle"])
    yield from activation_problems(arguments, own_directories(name, arguments["unit_options"]))


def _rollback_problems(arguments: Mapping[str, Any]) -> list[str]:
    """All that is wrong with the arguments of a rollback; as `_problems`."""
    return [*_name(arguments), *_keep_releases(arguments["keep_releases"])]


def _half_problems(arguments: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with arguments for one half of a deploy."""
    if arguments["state"] == "absent":
        said = "is absent, and a removal has no halves; include the role without tasks_from"
        yield problem("state", said)


def _name(arguments: Mapping[str, Any]) -> Iterator[str]:
    if not _NAME.fullmatch(arguments["name"]):
        yield problem(
            "name",
            f"{arguments['name']!r} cannot name a unit and an account; write lower-case letters, "
            "digits, _ and -, a letter first, at most 31 characters",
        )


def _own_name(name: str) -> Iterator[str]:
    if name == PREFIX.rstrip("_"):
        yield problem(
            "name",
            f"{name!r} is the role's: its locks are in /run/{name}, which would be the service's; "
            "take another name",
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
    yield from line_problems("description", arguments["description"])
    if arguments["description"].rstrip().endswith("\\"):
        # systemd.syntax(7): it would join the next line to this one.
        yield problem("description", "ends with a backslash; leave it out")


def _command(command: str | None, where: str = "command") -> Iterator[str]:
    """What is wrong with a command; ``where`` it is from is the name of a variable, and perhaps of an item."""
    if not command or not command.strip():
        yield problem(where, "is missing; write what to run, such as 'python -m demo'")
        return
    bad = list(line_problems(where, command))
    if bad:
        yield from bad
        return
    try:
        words = words_of(command)
    except ValueError as error:
        yield problem(where, f"{error} in {command!r}; close the quotes")
        return
    if command.rstrip().endswith("\\"):
        yield problem(where, "ends with a backslash; leave it out")
    needs_a_shell = shell_problem(command)
    otherwise = needless_problem(words) or specifier_problem(command)
    if needs_a_shell:
        yield problem(where, f"no shell reads it: {needs_a_shell}")
    elif otherwise:
        yield problem(where, otherwise)
    elif not is_program(words[0]):
        yield problem(
            where,
            f"{words[0]!r} is not a program; write the name of one in the virtual environment, "
            "an absolute path, or ./ followed by a path in the source",
        )
    elif "/" in words[0] and not words[0].startswith(("/", "./")):
        yield problem(where, f"{words[0]!r} is ambiguous; write './{words[0]}'")


def _prepare(items: Sequence[Any]) -> Iterator[str]:
    before: list[Any] = []
    for number, item in enumerate(items, 1):
        where = prepare_item(number)
        if not isinstance(item, (str, dict)):
            yield problem(where, f"is {kind_of(item)}; write a command, or {{command: …}}")
            continue
        given = item if isinstance(item, dict) else {"command": item}
        yield from _prepare_keys(given, where)
        command = given.get("command")
        if command is None or isinstance(command, str):
            yield from _command(command, where)
        else:
            yield problem(where, f"command is {kind_of(command)}; write a string")
        if command in before:
            yield problem(where, f"{command!r} stands there already; leave one out")
        before.append(command)


def _prepare_keys(given: Mapping[Any, Any], where: str) -> Iterator[str]:
    for key in given:
        if key not in _OF_PREPARE:
            yield problem(where, f"{key!r} is not known; write one of {', '.join(_OF_PREPARE)}")
    if not isinstance(given.get("once", True), bool):
        yield problem(where, f"once is {kind_of(given['once'])}; write true or false")
    timeout = given.get("timeout", 1)
    if not is_duration(timeout):
        said = f"timeout {timeout!r} is not a number above 0; write seconds, at most {MOST_SECONDS}"
        yield problem(where, said)


def _environment(environment: Mapping[Any, Any]) -> Iterator[str]:
    for name, value in environment.items():
        if not isinstance(name, str) or not VARIABLE.fullmatch(name):
            yield problem(
                "environment",
                f"{name!r} is not the name of a variable; write letters, digits and _, with no digit first",
            )
        elif name in (INSTANCE_FIELD, RELEASE_FIELD, SECRET_ENVIRONMENT):
            yield problem("environment", f"{name} is set by the role; leave it out")
        elif isinstance(value, bool):
            yield problem(
                "environment", f"{name} is a boolean; write the string that you mean, in quotes"
            )
        elif not isinstance(value, (str, int, float)):
            yield problem("environment", f"{name} is {kind_of(value)}; write a string or a number")
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
            yield from line_problems("environment", str(value), f"{name} ")


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


def _extras(extras: Iterable[str]) -> Iterator[str]:
    for name in extras:
        if not _EXTRA.fullmatch(name):
            yield problem("extras", f"{name!r} names no extra and no group; write such as ['web']")


def _pip_options(arguments: Mapping[str, Any]) -> Iterator[str]:
    try:
        options = pip_options(arguments["pip_options"])
    except OptionError as error:
        yield problem("pip_options", str(error))
        return
    if options.names_an_index and arguments.get("wheelhouse"):
        said = (
            "names an index, and nothing but python_service_wheelhouse is used where that is given"
        )
        yield problem("pip_options", f"{said}; leave one of the two out")


def _settle(seconds: float) -> Iterator[str]:
    if not 0 <= seconds <= MOST_SECONDS:
        yield problem("settle", f"{seconds} will not do; write seconds, from 0 to {MOST_SECONDS}")


def _keep_releases(number: int) -> Iterator[str]:
    if number < 1:
        yield problem("keep_releases", f"{number} is below 1; write how many releases are to stay")
