# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Try a release beside the one that runs, on sockets that nobody else knows.

It is given the secrets that it is to have, from a directory of their own, and does not
outlive whoever tries it.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..addresses import Address, addresses_of
from ..errors import ServiceError
from ..layout import TRIAL, TRIAL_SOCKET, Layout
from ..model import Process
from . import handover, secrets
from .decide import Desired
from .files import make_directory, names, read, remove, write
from .machine import Machine
from .observe import owner
from .proof import Started, prove
from .systemd import Systemd


def try_out(
    layout: Layout, machine: Machine, desired: Desired, processes: Sequence[Process]
) -> None:
    """Return when the processes are proven, side by side; raise `ServiceError` when one is not."""
    release, systemd = desired.release, machine.systemd
    if release is None:
        raise ServiceError("a trial needs a release, and none is desired")
    tried, texts = [], {}
    with contextlib.ExitStack() as stack:
        for process in processes:
            own = addresses_of(release.units[str(process.socket)])
            addresses = [_private(layout, process, number, one) for number, one in enumerate(own)]
            one, units = handover.trial(layout.name, process, release, desired.drop_ins, addresses)
            tried.append(one)
            texts.update({name: secrets.led_ahead(layout, text) for name, text in units.items()})
        group = secrets.readers(release, desired.not_honoured, machine.accounts)
        stack.enter_context(secrets.ahead(layout, desired.secrets, group))
        stack.enter_context(_installed(layout, systemd, texts))
        for process in tried:
            stack.enter_context(systemd.stopping(process.unit))
        began, complaint = systemd.monotonic(), ""
        systemd.control("start", [str(process.socket) for process in tried])
        try:
            systemd.control("start", [process.unit for process in tried])
        except ServiceError as error:
            # Whether it worked is for the proof to find out, which has better words.
            complaint = str(error)
        trial = replace(release, units={**release.units, **texts}, processes=tuple(tried))
        prove(layout, systemd, trial, tried, Started({}, complaint, began))


def end_left(layout: Layout, systemd: Systemd) -> None:
    """End a trial that a run which was cut off has left behind."""
    found = [
        name
        for name in names(layout.transient_units)
        if name.startswith(layout.name)
        and name.endswith((TRIAL, TRIAL_SOCKET))
        and owner(name, read(os.path.join(layout.transient_units, name)) or "") == layout.name
    ]
    if found:
        systemd.control("daemon-reload")  # it may not have read them yet
        _end(layout, systemd, found)


def _end(layout: Layout, systemd: Systemd, units: Sequence[str]) -> None:
    """Stop units and take their files away; systemd forgets such units without a reload."""
    systemd.control("stop", units)
    for name in units:
        remove(os.path.join(layout.transient_units, name))
    systemd.reset(units)


@contextlib.contextmanager
def _installed(layout: Layout, systemd: Systemd, texts: Mapping[str, str]) -> Iterator[None]:
    """Have units of these texts for a while; in the end they are stopped."""
    make_directory(layout.transient_units)
    try:
        for name, text in texts.items():
            write(os.path.join(layout.transient_units, name), text)
        systemd.control("daemon-reload")
        yield
    except BaseException:
        with contextlib.suppress(Exception):  # why it failed is what counts
            end_left(layout, systemd)
        raise
    _end(layout, systemd, [*texts])


def _private(layout: Layout, process: Process, number: int, address: Address) -> Address:
    """An address of the same kind that is free, and that nobody else is told of."""
    if address.path:
        make_directory(layout.runtime, 0o700)
        name = f"{handover.stem(process.unit)}.{number}.sock"
        return Address(path=os.path.join(layout.runtime, name))
    host, family = "127.0.0.1", socket.AF_INET
    if ":" in address.host:
        host, family = "::1", socket.AF_INET6
    with socket.socket(family) as one:
        one.bind((host, 0))
        return Address(host, one.getsockname()[1])
