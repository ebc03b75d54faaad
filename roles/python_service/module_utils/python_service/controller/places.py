# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Where a service's own directory must not lie, and what must not be found by way of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .problems import prepare_item, problem
from .settings import items_of

#: Where nothing stays, and why.
_FLEETING = {
    "/tmp": "anyone may write there, and systemd empties it",  # noqa: S108
    "/var/tmp": "anyone may write there, and systemd empties it",  # noqa: S108
    "/dev": "it is empty after a boot",
    "/proc": "it is the kernel's",
    "/run": "it is empty after a boot",
    "/sys": "it is the kernel's",
    "/var/run": "it is empty after a boot",
}
#: Where systemd makes directories that are a service's own, by what names them (systemd.exec(5)).
_MADE = {
    "StateDirectory": "/var/lib",
    "CacheDirectory": "/var/cache",
    "LogsDirectory": "/var/log",
    "RuntimeDirectory": "/run",
    "ConfigurationDirectory": "/etc",
}


def lies_in(path: str, directory: str) -> bool:
    """Whether a path is a directory or lies in it."""
    return path == directory or path.startswith(f"{directory}/")


def root_problems(name: str, root: str, options: Mapping[Any, Any]) -> Iterator[str]:
    """Why the directory of the service ``name`` cannot be in ``root``, with these ``unit_options``."""
    base = f"{root}/{name}"
    for directory, why in _FLEETING.items():
        if lies_in(base, directory):
            yield problem("root", f"{base} is in {directory}: {why}; write /opt or the like")
            return
    for directory in own_directories(name, options):
        if lies_in(base, directory) or lies_in(directory, base):
            yield problem(
                "root",
                f"{base} holds the code of the service, and systemd gives {directory} to its account, "
                "which could replace it; write /opt or the like",
            )
            return


def current_problems(base: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    """Where a variable leads a process to ``current``, by which it would run the release before."""
    parts = [re.escape(part) for part in f"{base}/current".split("/")]
    current = re.compile(rf"(?<![\w.]){'/+'.join(parts)}(?![\w.+-])")
    for variable, where, text in _texts(arguments):
        if current.search(text):
            yield problem(
                variable,
                f"{where}names {base}/current, which is the release before as long as a new one is "
                "proven; write a path in the source, such as ./bin/x: the source is the working "
                "directory",
            )


def own_directories(name: str, options: Mapping[Any, Any]) -> tuple[str, ...]:
    """The directories that systemd gives to the account of the service ``name``."""
    return tuple(_own_directories(name, options))


def _own_directories(name: str, options: Mapping[Any, Any]) -> Iterator[str]:
    service = options.get("Service", {})
    for directive, parent in _MADE.items():
        if directive != "ConfigurationDirectory":
            yield f"{parent}/{name}"
            yield f"{parent}/private"  # where it is with DynamicUser=
        value = service.get(directive, "") if isinstance(service, dict) else ""
        for text in items_of(value):
            # Each may have a link after a colon.
            for made in re.sub("[\"']", "", str(text)).split():
                yield f"{parent}/{made.split(':')[0]}"


def _texts(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Texts that a process meets: the variable, where in it, and the text."""
    yield "command", "", str(arguments["command"])
    yield "health", "command ", str(arguments["health"].get("command", ""))
    for number, item in enumerate(arguments["prepare"], 1):
        yield prepare_item(number), "", str(item)
    for name, value in arguments["environment"].items():
        yield "environment", f"{name} ", str(value)
    for section, directives in arguments["unit_options"].items():
        for directive, value in directives.items() if isinstance(directives, dict) else ():
            yield "unit_options", f"{section}.{directive} ", str(value)
