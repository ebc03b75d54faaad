# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What the role was asked for, typed; made once from its variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..layout import Layout
from ..model import Health
from .pip_options import PipOptions, pip_options


@dataclass(frozen=True)
class ProcessSettings:
    """What is asked for of one process, or of one instance of it; the main process has no name.

    ``environment`` has texts, ``unit_options`` values by directive by section.
    ``hardening``, ``network``, ``allow``, ``writable`` and ``secret_environment`` are as the
    variables are, ``secrets`` the names of all secrets. ``listen`` are addresses as
    systemd reads them, ``schedule`` is when a job runs, and ``handover`` is as the variable is.
    """

    name: str
    instance: str
    stem: str
    command: str
    type: str
    environment: Mapping[str, str]
    unit_options: Mapping[str, Mapping[str, Any]]
    health: Health | None
    settle: float
    hardening: str
    network: str
    allow: Sequence[str]
    writable: Sequence[str]
    secrets: Sequence[str]
    secret_environment: Sequence[str]
    listen: Sequence[str]
    schedule: str | None
    handover: bool

    @property
    def unit(self) -> str:
        return f"{self.stem}.service"

    @property
    def socket(self) -> str | None:
        """The unit of its sockets, if it has any."""
        return f"{self.stem}.socket" if self.listen else None

    @property
    def timer(self) -> str | None:
        """The unit that runs it, if it is a job."""
        return f"{self.stem}.timer" if self.schedule else None


@dataclass(frozen=True)
class PrepareSettings:
    """What is asked for of one command of ``python_service_prepare``; ``timeout`` is in seconds."""

    command: str
    once: bool = True
    timeout: float = 600


@dataclass(frozen=True)
class Settings:
    """What is asked for of a service; see meta/argument_specs.yml for the variables.

    ``files`` are texts by path. ``src``, ``wheelhouse`` and ``requirements``, where that is the path of a
    file, are absolute; ``directory`` is what paths in a list of requirements
    are relative to.
    """

    layout: Layout
    description: str
    src: str | None
    exclude: Sequence[str]
    files: Mapping[str, str]
    requirements: str | Sequence[str]
    require_hashes: bool
    wheelhouse: str | None
    directory: str
    python: str
    user: str
    group: str
    logging: str
    processes: tuple[ProcessSettings, ...]
    extras: Sequence[str]
    gather_wheels: bool
    pip: PipOptions
    prepare: tuple[PrepareSettings, ...] = ()

    @property
    def main(self) -> ProcessSettings:
        return self.processes[0]

    @property
    def target(self) -> str | None:
        """The unit that stands for all others, where there is more than one."""
        several = len(self.processes) > 1 or self.main.listen or self.main.schedule
        return self.layout.target if several else None


def settings_of(arguments: Mapping[str, Any]) -> Settings:
    """The settings that arguments mean which `validation.validate` gave."""
    layout = Layout(arguments["root"], arguments["name"])
    return Settings(
        layout=layout,
        description=arguments["description"],
        src=arguments.get("src"),
        exclude=arguments["exclude"],
        files={path: str(value) for path, value in arguments["files"].items()},
        requirements=arguments["requirements"] or [],
        require_hashes=arguments["require_hashes"],
        wheelhouse=arguments.get("wheelhouse"),
        directory=arguments["directory"],
        python=arguments["python"],
        user=arguments["user"],
        group=arguments["group"],
        logging=arguments["logging"],
        processes=(
            _process(layout, arguments),
            *(
                _process(layout, {**arguments, **given, "environment": environment}, name, instance)
                for name, given in arguments["processes"].items()
                for environment in [{**arguments["environment"], **given["environment"]}]
                for instance in _instances(given)
            ),
        ),
        extras=arguments["extras"],
        gather_wheels=arguments["gather_wheels"],
        pip=pip_options(arguments["pip_options"]),
        prepare=tuple(
            PrepareSettings(**item) if isinstance(item, dict) else PrepareSettings(item)
            for item in arguments["prepare"]
        ),
    )


def _process(
    layout: Layout, arguments: Mapping[str, Any], name: str = "", instance: str = ""
) -> ProcessSettings:
    return ProcessSettings(
        name=name,
        instance=instance,
        stem=layout.stem(name, instance),
        command=arguments["command"],
        type=arguments["type"],
        environment={key: str(value) for key, value in arguments["environment"].items()},
        unit_options=arguments["unit_options"],
        health=_health(arguments["health"]),
        settle=float(arguments["settle"]),
        hardening=arguments["hardening"],
        network=arguments["network"],
        allow=arguments["allow"],
        writable=arguments["writable"],
        secrets=sorted(arguments["secrets"]),
        secret_environment=arguments["secret_environment"],
        listen=tuple(arguments["listen"]),
        schedule=arguments.get("schedule"),
        handover=arguments["handover"],
    )


def _instances(given: Mapping[str, Any]) -> Sequence[str]:
    """Names of the instances of a process; one of which there are no several has none."""
    count = given.get("instances")
    return [str(number) for number in range(1, count + 1)] if count is not None else [""]


def items_of(value: Any) -> list[Any]:
    """The values of one directive of ``unit_options``, each of which is a line."""
    return value if isinstance(value, list) else [value]


def _health(given: Mapping[str, Any]) -> Health | None:
    if not given:
        return None
    return Health(
        timeout=float(given.get("timeout", 30)),
        url=given.get("url"),
        status=tuple(items_of(given.get("status", 200))),
        command=_health_command(given.get("command")),
        headers={name: str(value) for name, value in given.get("headers", {}).items()},
        socket=given.get("socket"),
    )


def _health_command(command: str | None) -> str | None:
    """The command; env(1) finds a file of the source in the working directory, which systemd does not."""
    from_source = command is not None and command.lstrip().startswith("./")
    return f"/usr/bin/env {command}" if from_source else command
