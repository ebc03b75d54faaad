# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Text for systemd's unit files, by the rules of systemd.syntax(7).

What the role's user wrote goes into a unit through these functions alone. The
template holds the form of a unit, and no user's text is ever rendered as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from ..addresses import address_of, parse_address
from ..model import SECRET_ENVIRONMENT
from .commands import located, with_program
from .hardening import protection, socket_protection
from .manual import ROLE
from .settings import ProcessSettings, Settings, items_of
from .unit_options import COMMANDS, SECTIONS

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(ROLE / "templates"),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=jinja2.StrictUndefined,
    # A unit file is neither HTML nor XML; the functions below quote for it.
    autoescape=False,  # noqa: S701
)
#: Read once for a run: Ansible starts a process of its own for each task.
_SERVICE, _SOCKET, _TIMER, _TARGET = (
    _TEMPLATES.get_template(f"{kind}.j2") for kind in ("service", "socket", "timer", "target")
)


def service_unit(
    settings: Settings,
    process: ProcessSettings,
    release: str,
    program: str,
    paths: Mapping[str, str],
) -> str:
    """The text of a process's unit.

    ``program`` is the path that the first word of the command stands for, and
    ``paths`` are variables that lead to what the release brings.
    """
    state, cache, _ = settings.layout.data
    own = process.unit_options.get("Service", {})
    return _SERVICE.render(
        **_said_of(settings, process),
        socket=process.socket,
        job=bool(process.schedule),
        instance=process.instance,
        type="oneshot" if process.schedule else process.type,
        logging=settings.logging,
        shared_sockets=process.listen and process.handover,
        tells_for_others=process.type == "notify" and process.listen and settings.logging == "auto",
        command=with_program(program, process.command),
        app=settings.layout.app(release),
        user=settings.user,
        group=settings.group,
        paths=paths,
        release=release,
        homes={"HOME": state, "XDG_CACHE_HOME": cache, "TMPDIR": "/tmp"},  # noqa: S108 - of its own
        # Of two, $RUNTIME_DIRECTORY would name both, and programs take it for one path.
        runtime="RuntimeDirectory" not in own,
        # systemd would shorten a longer one to the role's longest.
        delays="RestartSec" not in own and not process.schedule,
        protection=protection(process),
        secrets={name: settings.layout.secret(name) for name in process.secrets},
        found_in_environment=assignment(SECRET_ENVIRONMENT, " ".join(process.secret_environment))
        if process.secret_environment
        else "",
        assignments=[assignment(name, value) for name, value in process.environment.items()],
        options=_options(process, SECTIONS),
    )


def socket_unit(settings: Settings, process: ProcessSettings) -> str:
    """The text of the unit by which systemd listens for a process."""
    return _SOCKET.render(
        **_said_of(settings, process),
        addresses=process.listen,
        user=settings.user,
        group=settings.group,
        clients_speak_first=_speaks_http(process),
        protection=socket_protection(process),
        options=_options(process, ["Socket"]),
    )


def _speaks_http(process: ProcessSettings) -> bool:
    """Whether the health check tells that all addresses of a process are a web server's."""
    health = process.health
    if health is None or not health.url or health.socket:
        return False
    asked = address_of(health.url)
    return {parse_address(address).port for address in process.listen} == {asked.port}


def timer_unit(settings: Settings, process: ProcessSettings) -> str:
    """The text of the unit that runs a job."""
    return _TIMER.render(
        **_said_of(settings, process),
        schedule=process.schedule,
        options=_options(process, ["Timer"]),
    )


def target_unit(settings: Settings) -> str:
    """The text of the unit that stands for all of a service's."""
    units = [
        unit
        for process in settings.processes
        for unit in (process.timer or process.socket, None if process.schedule else process.unit)
        if unit
    ]
    return _TARGET.render(
        service=settings.layout.name, description=text(settings.description), units=units
    )


def _said_of(settings: Settings, process: ProcessSettings) -> dict[str, Any]:
    """What is alike in all units of a process: whose they are, and by what they are stopped."""
    which = " ".join(filter(None, [process.name, process.instance]))
    description = text(settings.description)
    return {
        "name": process.stem,
        "further": bool(process.name),
        "service": settings.layout.name,
        "description": f"{description}: {which}" if which else description,
        "target": settings.target,
    }


def _options(process: ProcessSettings, sections: Sequence[str]) -> dict[str, list[str]]:
    return {section: option_lines(process.unit_options.get(section, {})) for section in sections}


def text(value: str) -> str:
    """``value`` for a directive that expands specifiers but knows no quotes."""
    return value.replace("%", "%%")


def assignment(name: str, value: str) -> str:
    """One quoted ``NAME=value`` of ``Environment=``, which arrives as it is written.

    Source: systemd.exec(5), ``Environment=``: C escapes and specifiers are
    expanded there, and ``$`` means nothing.
    """
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return text(f'"{name}={quoted}"')


def option_lines(options: Mapping[str, Any]) -> list[str]:
    """The lines of one section, in the order given; a list is one line an item."""
    lines = []
    for directive, value in options.items():
        texts = [_option(item) for item in items_of(value)]
        if directive in COMMANDS:
            texts = [located(text) for text in texts]
        lines += [f"{directive}={text}" for text in texts]
    return lines


def _option(value: Any) -> str:
    """A value of ``unit_options`` as systemd writes it: text, number or boolean."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
