# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Two of a process at once, for the moment at which a release takes the place of another.

Who connects while a unit is restarted would wait until its new process accepts. So a
stand-in, a unit of the same text on the same sockets, serves meanwhile. Before that, the
release is tried on sockets of its own: what is bad about it meets nobody.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..addresses import Address, address_of, addresses_of
from ..layout import DROP_IN, STAND_IN, TRIAL, TRIAL_SOCKET, UNIT_MARK
from ..model import Health, Process, Release

_HEAD = f"{UNIT_MARK}, which removes it again.\n# Service: {{service}}\n"
_BESIDE = """
[Unit]
StartLimitIntervalSec=0

[Service]
Restart=no
# Where memory is short for two, the process that was there first stays.
OOMScoreAdjust=1000
"""
_LISTENS_ELSEWHERE = re.compile(r"^(Listen(?!Stream=)\w+)=", re.MULTILINE)
#: Lines of a socket's unit that are its own alone: what it is found by, and what it triggers.
_ITS_OWN = re.compile(r"^(ListenStream|Symlinks|Service)=.*\n", re.MULTILINE)


def stem(unit: str) -> str:
    """The name that the units of a process share."""
    return unit.rpartition(".")[0]


def stand_in(process: Process) -> str:
    """The unit that serves while the one of a process is restarted."""
    return stem(process.unit) + STAND_IN


def stand_in_text(
    service: str, process: Process, release: Release, drop_ins: Mapping[str, str]
) -> str:
    """The text of it; ``drop_ins`` are what the host adds to the units of the release."""
    text = _beside(service, process.unit, stand_in(process), _whole(process, release, drop_ins))
    return f"{text}Sockets={process.socket}\n"


def standing_in(release: Release, texts: Mapping[str, str]) -> Release:
    """A release whose processes are the stand-ins of those of another; ``texts`` are theirs by name."""
    processes = tuple(
        replace(process, unit=stand_in(process), health=None)
        for process in release.processes
        if stand_in(process) in texts
    )
    return replace(release, units=texts, processes=processes)


def trial(
    service: str,
    process: Process,
    release: Release,
    drop_ins: Mapping[str, str],
    addresses: Sequence[Address],
) -> tuple[Process, dict[str, str]]:
    """A process to be tried at these addresses in the place of its own, and the texts of its units."""
    unit, socket = stem(process.unit) + TRIAL, stem(process.unit) + TRIAL_SOCKET
    listening = release.units[str(process.socket)]
    streams = [f"ListenStream={_written(address)}\n" for address in addresses]
    head = _HEAD.format(service=service)
    texts = {
        unit: _beside(service, process.unit, unit, _whole(process, release, drop_ins)),
        socket: f"{head}{_ITS_OWN.sub('', listening)}\n[Socket]\n{''.join(streams)}",
    }
    places = dict(zip(addresses_of(listening), addresses))
    health = _asked_there(process.health, places) if process.health else None
    return replace(process, unit=unit, socket=socket, health=health), texts


def other_listeners(text: str) -> list[str]:
    """Directives by which a socket's unit listens elsewhere than on addresses."""
    return sorted(set(_LISTENS_ELSEWHERE.findall(text)))


def _whole(process: Process, release: Release, drop_ins: Mapping[str, str]) -> str:
    return release.units[process.unit] + drop_ins.get(DROP_IN.format(unit=process.unit), "")


def _beside(service: str, unit: str, name: str, text: str) -> str:
    """The text of another unit that runs what ``unit`` does; what is appended is in ``[Service]``."""
    return "".join(
        [_HEAD.format(service=service), text, _BESIDE, *_directory(text, stem(unit), stem(name))]
    )


def _directory(text: str, own: str, other: str) -> Iterator[str]:
    """Directives that leave the process its directory in /run: systemd removes it with the unit."""
    if re.search(rf"^RuntimeDirectory={re.escape(own)}$", text, re.MULTILINE):
        yield f"RuntimeDirectory=\nRuntimeDirectory={other}\n"
    else:
        yield "RuntimeDirectoryPreserve=yes\n"


def _written(address: Address) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return address.path or f"{host}:{address.port}"


def _asked_there(health: Health, places: Mapping[Address, Address]) -> Health | None:
    """A check that asks at the addresses of a trial; None where it asks elsewhere, and so another process."""
    if health.url is None:
        return health
    if health.socket:
        there = places.get(Address(path=health.socket))
        return replace(health, socket=there.path) if there else None
    parts, asked = urllib.parse.urlsplit(health.url), address_of(health.url)
    for own, there in places.items():
        if own.port and own.meets(asked):
            written = _written(there)
            host_and_port = f"localhost:{there.port}" if parts.hostname == "localhost" else written
            return replace(
                health,
                url=urllib.parse.urlunsplit(parts._replace(netloc=host_and_port)),
                # What it is told is what it will be told.
                headers={"Host": parts.netloc, **health.headers},
            )
    return None
