# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What a release is: everything that determines what runs, and the id that is its digest.

The same inputs are the same release on every host, so nothing here looks at
one: the id is known before the host is asked anything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .python_service_host import Layout
from .python_service_input import SECTIONS, problem, words_of
from .python_service_requirements import Project
from .python_service_source import FILE, Source, combined_digest
from .python_service_unit import assignment, option_lines, render, text

#: Characters of a SHA-256 that name a release or an environment: 48 bits, enough to tell
#: a service's releases apart, and short enough to read out.
ID_LENGTH = 12
_PYTHON = re.compile(r"python(3(\.\d+)?)?")
_SYSTEM_PATH = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
]


class Parts(NamedTuple):
    """What a release is made of, as the controller has it.

    ``source`` is None where the program comes from the requirements, which are
    texts of requirements files; ``wheelhouse`` is None where an index serves.
    """

    source: Source | None
    project: Project | None
    requirements: tuple[str, ...]
    wheelhouse: Source | None
    handler: Source


def describe(arguments: Mapping[str, Any], parts: Parts, template: str) -> dict[str, Any]:
    """A release of ``parts`` as the role's ``arguments`` want it.

    ``template`` is the text of the unit's template. The answer has ``id``,
    ``source`` (digest), ``environment`` (id), ``python`` (path), ``program``
    (path), ``project`` and ``require_hashes`` (booleans), ``units`` (texts by
    file name) and ``acceptance`` (see `python_service_accept`).
    """
    source = parts.source or Source("", ())
    environment = combined_digest(
        [
            arguments["python"],
            parts.handler.digest,
            *parts.requirements,
            f"require_hashes={arguments['require_hashes']}",
            parts.wheelhouse.digest if parts.wheelhouse else "",
        ]
    )[:ID_LENGTH]
    # The units name the release: its id is the digest of the units that do not name one yet.
    nameless = _units(arguments, parts, "", environment, template)
    release = combined_digest([source.digest, environment, *nameless, *nameless.values()])[
        :ID_LENGTH
    ]
    return {
        "id": release,
        "source": source.digest,
        "environment": environment,
        "python": arguments["python"],
        "program": _program(arguments, parts, release, environment),
        "project": parts.project is not None,
        "require_hashes": arguments["require_hashes"],
        "units": _units(arguments, parts, release, environment, template),
        "acceptance": _acceptance(arguments, parts, release, environment),
    }


def command_problems(command: str, parts: Parts) -> list[str]:
    """What a command names that the release would not hold, as far as can be told here."""
    words = words_of(command)
    program = words[0]
    entries = parts.source.entries if parts.source else ()
    files = {entry.path: entry for entry in entries}
    if program.startswith("./"):
        entry = files.get(program[2:])
        if entry is None:
            return [_absent(program)]
        if entry.kind == FILE and not entry.executable:
            said = f"{program} is not executable; chmod +x it in python_service_src"
            return [problem("command", said)]
    elif _PYTHON.fullmatch(program):
        script = words[1] if len(words) > 1 else "-"
        if not script.startswith(("-", "/")) and os.path.normpath(script) not in files:
            return [_absent(script)]
    elif not (program.startswith("/") or parts.requirements or parts.project):
        said = (
            f"{program!r} is not in the service's environment; add what brings it to "
            "python_service_requirements, or write 'python …', an absolute path on the host, "
            "or ./ and a file of the source"
        )
        return [problem("command", said)]
    return []


def _absent(name: str) -> str:
    return problem("command", f"{name} is not in the source; name a file of python_service_src")


def _program(arguments: Mapping[str, Any], parts: Parts, release: str, environment: str) -> str:
    """Absolute path of the first word of the command."""
    layout = Layout(arguments["root"], arguments["name"])
    word = words_of(arguments["command"])[0]
    if word.startswith("/"):
        return word
    if word.startswith("./"):
        return os.path.join(layout.release(release), "app", word[2:])
    if parts.project and word in parts.project.scripts:
        return os.path.join(layout.release(release), "lib", "bin", word)
    return os.path.join(layout.environment(environment), "bin", word)


def _paths(
    arguments: Mapping[str, Any], parts: Parts, release: str, environment: str
) -> dict[str, str]:
    """Variables that lead to the release's own programs and packages."""
    layout = Layout(arguments["root"], arguments["name"])
    path = [os.path.join(layout.environment(environment), "bin"), *_SYSTEM_PATH]
    if parts.project is None:
        return {"PATH": ":".join(path)}
    lib = os.path.join(layout.release(release), "lib")
    return {"PATH": ":".join([os.path.join(lib, "bin"), *path]), "PYTHONPATH": lib}


def _acceptance(
    arguments: Mapping[str, Any], parts: Parts, release: str, environment: str
) -> dict[str, Any]:
    layout = Layout(arguments["root"], arguments["name"])
    health = dict(arguments["health"])
    if health:
        health.setdefault("timeout", 30)
    if "url" in health:
        health.setdefault("status", 200)
    if "command" in health:
        variables = {name: str(value) for name, value in arguments["environment"].items()}
        health.update(
            user=arguments["user"],
            group=arguments["group"],
            directory=os.path.join(layout.release(release), "app"),
            environment={**_paths(arguments, parts, release, environment), **variables},
        )
    return {"settle": arguments["settle"], "health": health}


def _units(
    arguments: Mapping[str, Any], parts: Parts, release: str, environment: str, template: str
) -> dict[str, str]:
    layout = Layout(arguments["root"], arguments["name"])
    program = _program(arguments, parts, release, environment)
    rest = arguments["command"].strip().partition(" ")[2]
    options = arguments["unit_options"]
    return {
        layout.unit: render(
            template,
            name=layout.name,
            description=text(arguments["description"]),
            type=arguments["type"],
            logging=arguments["logging"],
            command=f"{program} {rest}".strip(),
            app=os.path.join(layout.release(release), "app"),
            user=arguments["user"],
            group=arguments["group"],
            paths=_paths(arguments, parts, release, environment),
            release=release,
            assignments=[
                assignment(name, str(value)) for name, value in arguments["environment"].items()
            ],
            options={section: option_lines(options.get(section, {})) for section in SECTIONS},
        )
    }
