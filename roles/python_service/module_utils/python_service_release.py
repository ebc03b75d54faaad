# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What a release is: everything that determines what runs, and the id that is its digest.

The same inputs are the same release on every host, so nothing here looks at
one: the id is known before the host is asked anything.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .python_service_host import Layout
from .python_service_input import SECTIONS, problem, words_of
from .python_service_source import FILE, Source, combined_digest
from .python_service_unit import assignment, option_lines, render, text

#: Characters of a SHA-256 that name a release or an environment: 48 bits, enough to tell
#: a service's releases apart, and short enough to read out.
ID_LENGTH = 12


def describe(
    arguments: Mapping[str, Any], source: Source, handler: Source, template: str
) -> dict[str, Any]:
    """A release of ``source`` as the role's ``arguments`` want it.

    ``handler`` is the logging package that goes into its environment, and
    ``template`` the text of the unit's template. The answer has ``id``,
    ``source`` (digest), ``environment`` (id), ``python`` (path) and ``units``
    (texts by file name).
    """
    environment = combined_digest([arguments["python"], handler.digest])[:ID_LENGTH]
    # The units name the release: its id is the digest of the units that do not name one yet.
    nameless = _units(arguments, "", environment, template)
    release = combined_digest([source.digest, environment, *nameless, *nameless.values()])[
        :ID_LENGTH
    ]
    return {
        "id": release,
        "source": source.digest,
        "environment": environment,
        "python": arguments["python"],
        "units": _units(arguments, release, environment, template),
    }


def command_problems(command: str, source: Source) -> list[str]:
    """What a command names that the release would not hold."""
    words = words_of(command)
    program = words[0]
    files = {entry.path: entry for entry in source.entries}
    if program.startswith("./"):
        entry = files.get(program[2:])
        if entry is None:
            return [
                problem(
                    "command", f"{program} is not in the source; name a file of python_service_src"
                )
            ]
        if entry.kind == FILE and not entry.executable:
            return [
                problem(
                    "command", f"{program} is not executable; chmod +x it in python_service_src"
                )
            ]
    elif not program.startswith("/"):
        if program not in ("python", "python3"):
            return [
                problem(
                    "command",
                    f"{program!r} is not in the service's environment; write 'python …', "
                    "an absolute path on the host, or ./ and a file of the source",
                )
            ]
        script = words[1] if len(words) > 1 else "-"
        if not script.startswith(("-", "/")) and os.path.normpath(script) not in files:
            return [
                problem(
                    "command", f"{script} is not in the source; name a file of python_service_src"
                )
            ]
    return []


def _units(
    arguments: Mapping[str, Any], release: str, environment: str, template: str
) -> dict[str, str]:
    layout = Layout(arguments["root"], arguments["name"])
    app = os.path.join(layout.release(release), "app")
    program, _, rest = arguments["command"].strip().partition(" ")
    if program.startswith("./"):
        program = os.path.join(app, program[2:])
    elif not program.startswith("/"):
        program = os.path.join(layout.environment(environment), "bin", program)
    options = arguments["unit_options"]
    return {
        layout.unit: render(
            template,
            name=layout.name,
            description=text(arguments["description"]),
            type=arguments["type"],
            command=f"{program} {rest}".strip(),
            app=app,
            user=arguments["user"],
            group=arguments["group"],
            environment=layout.environment(environment),
            release=release,
            assignments=[
                assignment(name, str(value)) for name, value in arguments["environment"].items()
            ],
            options={section: option_lines(options.get(section, {})) for section in SECTIONS},
        )
    }
