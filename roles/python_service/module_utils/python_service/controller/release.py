# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What a release is: everything that determines what runs, and the id that is its digest.

The same inputs are the same release on every host, so nothing here looks at
one: the id is known before the host is asked anything.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..model import Prepared, Process, Release, Venv
from ..source import FILE, Entry, Source, combined_digest
from .commands import programs_of, with_program, words_of
from .configuration import CONFIGURATION_DIRECTORY, source_of
from .contents import Contents
from .pip_options import anonymous
from .problems import named, prepare_item, problem
from .settings import ProcessSettings, Settings, items_of
from .unit_options import COMMANDS
from .units import service_unit, socket_unit, target_unit, timer_unit

#: Characters of a SHA-256 that name a release or a venv: 48 bits, enough to tell
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


def describe(settings: Settings, contents: Contents, origin: Mapping[str, Any]) -> Release:
    """The release of these contents that the settings ask for; ``origin`` is for people."""
    source = (contents.source or Source("", ())).digest
    venv = Venv(_venv_id(settings, contents), settings.python, settings.require_hashes)
    # Units and programs name the release: its id is the digest of those that do not name one yet.
    nameless = _units(settings, contents, "", venv)
    processes = [asdict(process) for process in _processes(settings, contents, "", venv)]
    proofs = json.dumps(processes, sort_keys=True)
    beside = _beside(contents)
    files = source_of(contents.files).digest if contents.files else ""
    parts = [source, venv.id, *nameless, *nameless.values(), proofs, *filter(None, [beside, files])]
    prepare = [asdict(one) for one in _prepare(settings, contents, "", venv)]
    if prepare:
        parts.append(json.dumps(prepare, sort_keys=True))
    release = combined_digest(parts)[:ID_LENGTH]
    return Release(
        id=release,
        source=source,
        venv=venv,
        project=bool(contents.pip.projects),
        units=_units(settings, contents, release, venv),
        processes=_processes(settings, contents, release, venv),
        origin=origin,
        beside=beside,
        files=files,
        prepare=_prepare(settings, contents, release, venv),
    )


def process_problems(process: ProcessSettings, contents: Contents) -> list[str]:
    """What a process's commands name that the release would not hold, as far as can be told here."""
    found = [
        *_command_problems(process.command, contents),
        *_option_problems(process.unit_options, contents),
    ]
    return [named(text, process.name) for text in found]


def prepare_problems(settings: Settings, contents: Contents) -> list[str]:
    """What commands of ``python_service_prepare`` name that the release would not hold."""
    return [
        words
        for number, one in enumerate(settings.prepare, 1)
        for words in _command_problems(one.command, contents, prepare_item(number))
    ]


def _command_problems(command: str, contents: Contents, where: str = "command") -> list[str]:
    """The problems of a command; ``where`` is the name of a variable, and perhaps of an item of it."""
    words = words_of(command)
    program = words[0]
    files = _entries(contents)
    if program.startswith("./"):
        return _file_problems(where, program, files)
    if _PYTHON.fullmatch(program):
        script = words[1] if len(words) > 1 else "-"
        if not script.startswith(("-", "/")) and os.path.normpath(script) not in files:
            return [_absent(where, script)]
    elif not (program.startswith("/") or contents.installs):
        said = (
            f"{program!r} is not in the service's virtual environment; add what brings it to "
            "python_service_requirements, or write 'python …', an absolute path on the host, "
            "or ./ followed by a file of the source"
        )
        return [problem(where, said)]
    return []


def _option_problems(options: Mapping[str, Mapping[str, Any]], contents: Contents) -> list[str]:
    files = _entries(contents)
    programs = [
        program.name
        for directive, value in options.get("Service", {}).items()
        if directive in COMMANDS
        for line in items_of(value)
        for program in programs_of(str(line))
        if program.name.startswith("./")
    ]
    return [words for name in programs for words in _file_problems("unit_options", name, files)]


def _entries(contents: Contents) -> dict[str, Entry]:
    return {entry.path: entry for entry in contents.source.entries} if contents.source else {}


def _file_problems(variable: str, program: str, files: Mapping[str, Entry]) -> list[str]:
    entry = files.get(program[2:])
    if entry is None:
        return [_absent(variable, program)]
    if entry.kind == FILE and not entry.executable:
        said = f"{program} is not executable; chmod +x it in python_service_src"
        return [problem(variable, said)]
    return []


def _absent(variable: str, name: str) -> str:
    return problem(variable, f"{name} is not in the source; name a file of python_service_src")


def _venv_id(settings: Settings, contents: Contents) -> str:
    options = [*contents.pip.arguments, *map("=".join, contents.pip.environment.items())]
    return combined_digest(
        [
            settings.python,
            contents.handler.digest,
            # The same packages, whoever is let in to fetch them; and the id is for all to see.
            *map(anonymous, contents.requirements),
            f"require_hashes={settings.require_hashes}",
            contents.wheelhouse.digest if contents.wheelhouse else "",
            *map(anonymous, options),
        ]
    )[:ID_LENGTH]


def _beside(contents: Contents) -> str:
    """Digest of what is built with the source; empty where there is nothing."""
    libraries = [part for one in contents.libraries for part in (one.source.digest, one.marker)]
    build = [f"{name}={value}" for name, value in contents.pip.build.items()]
    return combined_digest([*libraries, *build]) if libraries or build else ""


def _program(settings: Settings, command: str, contents: Contents, release: str, venv: Venv) -> str:
    """Absolute path of the first word of a command."""
    layout = settings.layout
    word = words_of(command)[0]
    if word.startswith("/"):
        return word
    if word.startswith("./"):
        return os.path.join(layout.app(release), word[2:])
    if word in contents.scripts:
        return os.path.join(layout.release(release), "lib", "bin", word)
    return os.path.join(layout.venv(venv.id), "bin", word)


def _paths(settings: Settings, contents: Contents, release: str, venv: Venv) -> dict[str, str]:
    """Variables that lead to the release's own programs, packages and configuration files."""
    layout = settings.layout
    path = [os.path.join(layout.venv(venv.id), "bin"), *_SYSTEM_PATH]
    paths = {}
    if contents.pip.projects:
        lib = os.path.join(layout.release(release), "lib")
        path.insert(0, os.path.join(lib, "bin"))
        paths["PYTHONPATH"] = lib
    if contents.files:
        paths[CONFIGURATION_DIRECTORY] = layout.etc(release)
    return {"PATH": ":".join(path), **paths}


def _processes(
    settings: Settings, contents: Contents, release: str, venv: Venv
) -> tuple[Process, ...]:
    return tuple(
        Process(
            unit=process.unit,
            program=_program(settings, process.command, contents, release, venv),
            settle=process.settle,
            health=process.health,
            socket=process.socket,
            timer=process.timer,
            secrets=tuple(process.secrets),
            handover=process.handover,
        )
        for process in settings.processes
    )


def _units(settings: Settings, contents: Contents, release: str, venv: Venv) -> dict[str, str]:
    paths = _paths(settings, contents, release, venv)
    units = {}
    for process in settings.processes:
        program = _program(settings, process.command, contents, release, venv)
        units[process.unit] = service_unit(settings, process, release, program, paths)
        if process.socket:
            units[process.socket] = socket_unit(settings, process)
        if process.timer:
            units[process.timer] = timer_unit(settings, process)
    if settings.target:
        units[settings.target] = target_unit(settings)
    return units


def _prepare(
    settings: Settings, contents: Contents, release: str, venv: Venv
) -> tuple[Prepared, ...]:
    return tuple(
        Prepared(
            command=one.command,
            line=with_program(
                _program(settings, one.command, contents, release, venv), one.command
            ),
            once=one.once,
            timeout=float(one.timeout),
        )
        for one in settings.prepare
    )
