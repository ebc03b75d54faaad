# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Check ``python_service_secrets`` and ``python_service_secret_environment``, and pack values for a host.

Nothing here ever says a value.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..source import FILE
from .commands import VARIABLE, words_of
from .contents import Contents
from .problems import is_binary, kind_of, problem
from .settings import ProcessSettings, Settings, items_of
from .zipped import interpreter_of

#: systemd also takes other printable characters, some of which mean something in its units.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,254}")
#: Bytes of all credentials of a unit with their names: systemd.exec(5), "Credentials". They are
#: kept in a file system of that size, in which each takes whole blocks.
MOST_BYTES = 1 << 20
BLOCK = 4096
_SHELLS = ("sh", "bash", "dash", "ksh", "zsh")
_INSTEAD = "have the program read the file $CREDENTIALS_DIRECTORY/NAME"


def secret_problems(arguments: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the secrets, and with those of them that are to be variables."""
    secrets = arguments["secrets"]
    for name, value in secrets.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            said = f"{name!r} cannot name a file; write letters, digits and . _ -, at most 255"
            yield problem("secrets", said)
        elif is_binary(value):
            said = f"{name} is no text; write it in Base64, and have the program decode it"
            yield problem("secrets", said)
        elif isinstance(value, bool) or not isinstance(value, (str, int, float)):
            yield problem("secrets", f"{name} is {kind_of(value)}; write a string")
    sizes = [len(f"{name}{value}".encode(errors="replace")) for name, value in secrets.items()]
    total = sum(-(-size // BLOCK) * BLOCK for size in sizes)
    if total > MOST_BYTES:
        yield problem(
            "secrets",
            f"all together take {total} bytes in blocks of {BLOCK}, and systemd has {MOST_BYTES} for "
            "a service; keep large ones in files of the host's",
        )
    for name in arguments["secret_environment"]:
        yield from (
            problem("secret_environment", said) for said in _variable_problems(name, arguments)
        )


def credential_problems(arguments: Mapping[str, Any]) -> Iterator[str]:
    """Credentials of a process that are secrets of the service as well."""
    options = arguments["unit_options"].get("Service")
    for directive in ("LoadCredential", "SetCredential"):
        for line in items_of(options.get(directive, []) if isinstance(options, dict) else []):
            name = str(line).partition(":")[0]
            if name in arguments["secrets"]:
                said = f"{name} is in {directive} of python_service_unit_options as well; leave one out"
                yield problem("secrets", said)


def _variable_problems(name: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    if name not in arguments["secrets"]:
        yield f"{name} is none of python_service_secrets; write its value there"
    elif not VARIABLE.fullmatch(name):
        yield f"{name!r} cannot name a variable; write letters, digits and _, with no digit first"
    elif name in arguments["environment"]:
        yield f"{name} is in python_service_environment as well; leave one out"
    elif any(name in process["environment"] for process in arguments["processes"].values()):
        yield f"{name} is in the environment of one of python_service_processes as well; leave one out"
    elif "\0" in str(arguments["secrets"][name]):
        yield f"{name} has a null character, which no variable can have; {_INSTEAD}"


def texts_of(secrets: Mapping[str, Any]) -> dict[str, str]:
    """The values as the process finds them."""
    return {name: str(value) for name, value in secrets.items()}


def packed(secrets: Mapping[str, Any]) -> str:
    """The values as one parameter of a module on the host."""
    return base64.b64encode(json.dumps(texts_of(secrets)).encode()).decode() if secrets else ""


def program_problems(settings: Settings, contents: Contents) -> Iterator[str]:
    """Programs that are to find secrets in their environment and are no Python of the service's own.

    A program of the venv is looked at on the host.
    """
    for process in settings.processes:
        why = _no_python(process, contents) if process.secret_environment else ""
        if why:
            yield problem("secret_environment", f"{why}; {_INSTEAD}")


def secret_warnings(settings: Settings, contents: Contents) -> Iterator[str]:
    """What is said of scripts of a shell, which start programs that can have secrets as variables."""
    for process in settings.processes:
        program = words_of(process.command)[0]
        words = _first_line(program, contents) if process.secret_environment else []
        if words and words[0] in _SHELLS:
            said = f"{program} is a script of a shell, which has no secrets as variables"
            yield problem("secret_environment", f"{said}; Python programs that it starts have them")


def _no_python(process: ProcessSettings, contents: Contents) -> str:
    """Why a process cannot have secrets as variables; empty where it can."""
    words = words_of(process.command)
    program = words[0]
    alone = "Python of the service's own virtual environment alone can have secrets as variables"
    if program.startswith("/"):
        return f"{program} is a program of the host, and {alone}"
    if program.startswith("python") and _without_site(words[1:]):
        return f"{program} {_without_site(words[1:])} keeps Python from looking for them"
    if _has_own_venv(process, contents):
        return f"the pex unpacks itself into a virtual environment of its own, and {alone}"
    first = _first_line(program, contents)
    if first and not first[0].startswith("python") and first[0] not in _SHELLS:
        return f"{program} is run by {first[0]}, and {alone}"
    if first and first[0].startswith("python") and first[1:] != ["env"]:
        return f"{program} names a Python of the host, and {alone}; begin it with #!/usr/bin/env python3"
    return ""


def _without_site(words: list[str]) -> str:
    """The option by which Python starts without what packages have it do at its start."""
    options = itertools.takewhile(lambda word: word.startswith("-"), words)
    return next((word for word in options if re.fullmatch("-[A-Za-z]*S[A-Za-z]*", word)), "")


def _has_own_venv(process: ProcessSettings, contents: Contents) -> bool:
    pex = contents.zipped.pex if contents.zipped else None
    return bool(pex and pex.get("venv")) and process.environment.get("PEX_VENV") not in (
        "0",
        "false",
    )


def _first_line(program: str, contents: Contents) -> list[str]:
    """The interpreter that a program of the source names, and ``env`` where that looks for it; else nothing."""
    files = {entry.path: entry for entry in contents.source.entries} if contents.source else {}
    entry = files.get(program[2:]) if program.startswith("./") else None
    if contents.source is None or entry is None or entry.kind != FILE:
        return []
    line = interpreter_of(os.path.join(contents.source.root, entry.path))
    if not line:
        return ["the system itself"]
    words = [os.path.basename(word) for word in line.split() if word != "-S"]
    return [*words[1:2], "env"] if words[:1] == ["env"] else words[:1]
