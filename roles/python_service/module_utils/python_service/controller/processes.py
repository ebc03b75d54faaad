# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Check ``python_service_processes``, and what several processes, sockets and jobs have to agree in."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..addresses import Address, parse_address
from .manual import PREFIX, defaults, specification
from .places import lies_in
from .problems import kind_of, line_problems, named, problem

#: What a further process may have of the role's variables.
VARIABLES = (
    "command",
    "type",
    "listen",
    "schedule",
    "health",
    "settle",
    "environment",
    "network",
    "allow",
    "writable",
    "unit_options",
    "handover",
)
INSTANCES = "instances"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_MOST_INSTANCES = 100


def process_types() -> dict[str, dict[str, Any]]:
    """What a further process takes, as `manual.specification` tells of variables."""
    known = specification("main")
    return {**{name: known[name] for name in VARIABLES}, INSTANCES: {"type": "int"}}


def process_defaults() -> dict[str, Any]:
    """What a process has that says nothing else: what the main one would."""
    known = defaults("main")
    return {name: known.get(name) for name in [*VARIABLES, INSTANCES]}


def shape_problems(processes: Mapping[Any, Any]) -> Iterator[str]:
    """What is wrong with the names of processes, and of what they have."""
    for name, given in processes.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            said = "write lower-case letters, digits, _ and -, a letter first"
            yield problem("processes", f"{name!r} cannot name a process; {said}")
        elif name == "main":
            said = "'main' is the process of the variables themselves; take another name"
            yield problem("processes", said)
        elif not isinstance(given, dict):
            said = f"{name} is {kind_of(given)}; write {{command: …}}"
            yield problem("processes", said)
        else:
            known = [*VARIABLES, INSTANCES]
            for key in given:
                if key not in known:
                    close = difflib.get_close_matches(str(key), known, n=1)
                    instead = close[0] if close else f"one of {', '.join(known)}"
                    yield problem("processes", f"{name}: {key!r} is not known; write {instead}")


def activation_problems(arguments: Mapping[str, Any], own: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with the sockets and the schedule of a process.

    ``own`` are directories that the service may write.
    """
    schedule, listen = arguments.get("schedule"), arguments["listen"]
    if schedule is not None:
        yield from _schedule(schedule, arguments)
    for text in listen:
        yield from _address(text, arguments["network"], own)
    if arguments.get(INSTANCES) is not None:
        yield from _instances(arguments)


def _schedule(schedule: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    if not schedule.strip():
        yield problem("schedule", "is empty; write when the job runs, such as 'daily'")
    yield from line_problems("schedule", schedule)
    if schedule.rstrip().endswith("\\"):
        yield problem("schedule", "ends with a backslash; leave it out")
    if arguments["listen"]:
        said = "a job does not serve, and python_service_listen is given as well; leave one out"
        yield problem("schedule", said)
    if arguments["type"] == "notify":
        said = "a job is never ready, it ends; leave python_service_type: notify out"
        yield problem("schedule", said)
    if arguments["health"]:
        said = "a job does not run when it is deployed; leave python_service_health out"
        yield problem("schedule", said)


def _address(text: str, network: str, own: tuple[str, ...]) -> Iterator[str]:
    try:
        address = parse_address(text)
    except ValueError as error:
        yield problem("listen", f"{text!r} {error}")
        return
    if any(lies_in(address.path, directory) for directory in own if address.path):
        said = f"{text} is where the service itself may write; write such as /run/NAME.sock"
        yield problem("listen", said)
    if network == "none" and not address.path:
        said = f"{text} is reached by the network, which python_service_network: none denies; write inbound"
        yield problem("listen", said)


def _instances(arguments: Mapping[str, Any]) -> Iterator[str]:
    count = arguments[INSTANCES]
    if not 1 <= count <= _MOST_INSTANCES:
        said = f"{count} will not do; write a number from 1 to {_MOST_INSTANCES}"
        yield problem(INSTANCES, said)
    for variable, why in (
        ("listen", "one address goes to one process, which may have workers of its own"),
        ("schedule", "a job runs once at a time"),
    ):
        if arguments.get(variable):
            yield problem(INSTANCES, f"does not go with {variable}: {why}; leave one out")


def address_problems(arguments: Mapping[str, Any]) -> Iterator[str]:
    """Addresses of which two sockets of the service cannot both have one."""
    taken: list[tuple[Address, str]] = []
    for name, process in [("", arguments), *arguments["processes"].items()]:
        for text in process["listen"]:
            try:
                address = parse_address(text)
            except ValueError:  # said by itself
                continue
            other = next((of for one, of in taken if one.meets(address)), None)
            if other:
                said = f"{text} is listened on by {PREFIX}{other} already; write another"
                yield named(problem("listen", said), name)
            taken.append((address, f"processes.{name}.listen" if name else "listen"))
