# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Whether the addresses are free that systemd is to listen on for a service: proc_pid_net(5)."""

from __future__ import annotations

import contextlib
import errno
import glob
import ipaddress
import os
import re
import socket
import stat
from collections.abc import Iterator
from typing import NamedTuple

from ..addresses import Address, addresses_of
from ..foreign import shortened
from ..layout import Layout
from ..model import Release
from .decide import Observed
from .files import names, read
from .systemd import LISTEN, UP
from .trust import weakness

#: Of a Unix socket that accepts connections.
_ACCEPTS = "00010000"
_UNIT = re.compile(r"/([^/\n]+\.(?:service|scope))(?=/|$)", re.MULTILINE)


class _Listener(NamedTuple):
    """A socket that accepts connections, by its inode."""

    address: Address
    inode: str


class _Holder(NamedTuple):
    """A process that has a socket open: its number, its name, and the unit that it is of."""

    pid: int
    name: str
    unit: str


def listening_problems(layout: Layout, release: Release, observed: Observed) -> Iterator[str]:
    """What keeps systemd from listening for the processes of a release, as far as can be told before."""
    own = [
        address
        for name, unit in observed.units.items()
        if name.endswith(".socket") and unit.text and unit.state in UP
        for address in addresses_of(unit.text)
    ]
    wanted = [
        (process, address)
        for process in release.processes
        if process.socket
        for address in addresses_of(release.units[process.socket])
        if not any(address.meets(one) for one in own)
    ]
    listeners = [*_ports(), *_paths()] if wanted else []
    for process, address in wanted:
        variable = layout.variable(process.unit, "listen")
        shown = (
            address.path or f"port {address.port}{f' of {address.host}' if address.host else ''}"
        )
        for words in _path_problems(layout, address):
            yield f"{variable}: {words}"
        free = "FreeBind=" in release.units[str(process.socket)]
        if address.host and not free and not _is_the_hosts(address.host):
            yield (
                f"{variable}: {address.host} is no address of this host; write one that it has, or "
                "FreeBind below Socket in python_service_unit_options if it will have it"
            )
        for listener in listeners:
            if not listener.address.meets(address):
                continue
            holders = [*_holders(listener.inode)]
            # What listens of the service itself gives way.
            if not holders or not all(one.unit in observed.units for one in holders):
                yield (
                    f"{variable}: {shown} is taken by {_named(layout, address, holders)}; write "
                    "another address, or stop that first"
                )
                break


def _is_the_hosts(address: str) -> bool:
    """Whether a socket can have this address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as one:
            one.bind((address, 0))
    except OSError as error:
        return error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
    return True


def _path_problems(layout: Layout, address: Address) -> Iterator[str]:
    """Why a Unix socket cannot lie there."""
    if not address.path:
        return
    directory = os.path.dirname(address.path)
    untrusted = weakness(directory, layout.host) if os.path.isdir(directory) else None
    if untrusted:
        yield f"{untrusted}, who could replace the socket; name a directory that only root can write, as /run"
    elif os.path.lexists(address.path) and not stat.S_ISSOCK(os.lstat(address.path).st_mode):
        yield f"{address.path} exists and is no socket; take another path, or move it away"


def _named(layout: Layout, address: Address, holders: list[_Holder]) -> str:
    if not holders:
        return "another process"
    holder = holders[0]
    if holder.pid == 1:
        for name in names(layout.units):
            text = (read(layout.unit(name)) or "") if name.endswith(".socket") else ""
            # Of others, any text may stand there.
            with contextlib.suppress(ValueError):
                if any(address.meets(one) for one in addresses_of(text)):
                    return name
        return "systemd, as systemctl list-sockets tells"
    return f"{shortened(holder.name)} (PID {holder.pid}{', ' if holder.unit else ''}{holder.unit})"


def _ports() -> Iterator[_Listener]:
    for table in ("tcp", "tcp6"):
        for row in (read(f"/proc/net/{table}") or "").splitlines()[1:]:
            words = row.split()
            if len(words) > 9 and words[3] == LISTEN:
                host, _, port = words[1].partition(":")
                yield _Listener(Address(_host(host), int(port, 16)), words[9])


def _host(digits: str) -> str:
    """An address as the kernel writes it: words of 32 bits, each in the machine's own order."""
    words = [bytes.fromhex(digits[start : start + 8])[::-1] for start in range(0, len(digits), 8)]
    return str(ipaddress.ip_address(b"".join(words)))


def _paths() -> Iterator[_Listener]:
    for row in (read("/proc/net/unix") or "").splitlines()[1:]:
        words = row.split(maxsplit=7)
        if len(words) == 8 and words[3] == _ACCEPTS and words[7].startswith("/"):
            yield _Listener(Address(path=words[7]), words[6])


def _holders(inode: str) -> Iterator[_Holder]:
    """The processes that have a socket open."""
    for descriptor in glob.iglob("/proc/[0-9]*/fd/*"):
        # Processes come and go.
        with contextlib.suppress(OSError):
            if os.readlink(descriptor) == f"socket:[{inode}]":
                process = os.path.dirname(os.path.dirname(descriptor))
                units = _UNIT.findall(read(f"{process}/cgroup") or "")
                name = (read(f"{process}/comm") or "").strip()
                yield _Holder(int(os.path.basename(process)), name, units[-1] if units else "")
