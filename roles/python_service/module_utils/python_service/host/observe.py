# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Look at what a host has of a service. Nothing is changed, and nothing is remembered."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from ..layout import STAND_IN, UNIT_MARK, Layout
from ..model import Release
from . import history, invocations, secrets, venv
from .decide import Desired, Held, Observed, ObservedUnit
from .files import names, read
from .machine import Machine
from .record import is_claimed
from .releases import read_release, staged, venvs
from .systemd import BUSY, UP

#: A second line of a unit that is not named after its service: whose it is.
_SERVICE = re.compile(rf"{re.escape(UNIT_MARK)}.*\n# Service: (.+)\n")
_SUFFIXES = (".service", ".socket", ".timer", ".target")


def owner(name: str, text: str) -> str | None:
    """Name of the service of the role whose unit or script this is, or None where it is somebody else's."""
    if text.startswith("#!"):
        text = text.partition("\n")[2]
    if not text.startswith(UNIT_MARK):
        return None
    told = _SERVICE.match(text)
    return told[1] if told else name.partition(".")[0]


def own_units(layout: Layout) -> dict[str, str]:
    """Texts of the units, drop-ins and scripts that the role installed for a service, by name."""
    found = {}
    candidates = [layout.run]
    candidates += [
        name
        for name in names(layout.transient_units)
        if name.startswith(layout.name) and name.endswith(STAND_IN)
    ]
    for name in names(layout.units):
        if not name.startswith(layout.name):
            continue
        if name.endswith(".d"):
            files = [
                f"{name}/{file}" for file in names(layout.unit(name)) if file.endswith(".conf")
            ]
        else:
            files = [name] if name.endswith(_SUFFIXES) else []
        candidates += files
    for file in candidates:
        # An empty file or a link to nowhere is a unit that an administrator masked.
        text = None if os.path.islink(layout.unit(file)) else read(layout.unit(file))
        if text and owner(file, text) == layout.name:
            found[file] = text
    return found


def observe(layout: Layout, machine: Machine, desired: Desired | None = None) -> Observed:
    """What the host has of a service, as far as `decide` asks for ``desired``."""
    desired = desired or Desired()
    systemd, wanted, release = machine.systemd, desired.texts, desired.release
    texts = own_units(layout)
    for name in wanted:
        text = read(layout.unit(name))
        if text is not None:
            texts.setdefault(name, text)
    known = dict.fromkeys([*texts, *wanted, layout.main_unit, layout.target])
    shown = systemd.status([name for name in known if "/" not in name])
    target = shown[layout.target]
    # The role's own may go on without its file. One that has a file is an administrator's.
    goes_on = target["ActiveState"] in UP and not os.path.lexists(target["FragmentPath"])
    if layout.target not in {**texts, **wanted} and not goes_on:
        del known[layout.target]
    units = [name for name in known if "/" not in name]
    present = {name: _present(layout, name, release) for name in staged(layout)}
    running = {
        name: systemd.release_of(name, shown[name])
        for name in units
        if name.endswith(".service") and shown[name]["ActiveState"] in BUSY
    }
    events = history.events(layout)
    last = history.in_place(events)
    done = {
        name: last.after
        for name in units
        if last and last.result == history.ACCEPTED and _is_done(shown[name])
    }
    origins = {**running, **done}
    used = {found.venv.id for name, found in present.items() if found and name in origins.values()}
    if release:
        used.add(release.venv.id)
    whole = {name for name in used if venv.is_whole(layout, name)}
    built = not release or release.venv.id in whole

    def unit(name: str) -> ObservedUnit:
        if "/" in name:
            return ObservedUnit(texts.get(name))
        status = shown[name]
        runs = None
        origin = present.get(origins.get(name) or "")
        if (
            origin
            and name in origin.units
            and origin.venv.id in whole
            and not invocations.is_distrusted(layout, name, status)
        ):
            runs = origin.fingerprint(name)
        return ObservedUnit(
            text=texts.get(name),
            state=status["ActiveState"] or "inactive",
            enabled=status["UnitFileState"],
            reload=status["NeedDaemonReload"] == "yes",
            release=running.get(name),
            runs=runs,
            invocation=status["InvocationID"],
            fragment=status["FragmentPath"],
            done=name in done,
        )

    return Observed(
        units={name: unit(name) for name in known},
        current=current_release(layout),
        events=events,
        releases={name: Held.by(found) for name, found in present.items() if found},
        unreadable=[name for name, found in present.items() if not found],
        venvs=venvs(layout),
        secrets=secrets.present(
            layout, secrets.readers(release, desired.not_honoured, machine.accounts)
        ),
        built=built,
        staged=built and (not release or bool(present.get(release.id))),
        claimed=is_claimed(layout),
        lacking=tuple(
            account for account in desired.accounts if not machine.accounts.exists(*account)
        ),
        commands={
            name: systemd.release_of(name, status)
            for name, status in systemd.loaded(f"{layout.commands}*.service").items()
            if status["ActiveState"] in BUSY
        },
    )


def _is_done(status: Mapping[str, str]) -> bool:
    """Whether a unit is a oneshot of which nothing is to be left, and that did not fail."""
    ended = status["ActiveState"] == "inactive" and status["Result"] == "success"
    return ended and status["Type"] == "oneshot" and status["RemainAfterExit"] != "yes"


def current_release(layout: Layout) -> str | None:
    """Id of the release that people are shown."""
    try:
        return os.path.basename(os.readlink(layout.current))
    except OSError:
        return None


def _present(layout: Layout, name: str, wanted: Release | None) -> Release | None:
    """A release that is on the host, whole and, where it is the wanted one, as it is wanted."""
    if wanted and wanted.id == name:
        return release_on_host(layout, wanted)
    return read_release(layout, name)


def release_on_host(layout: Layout, release: Release) -> Release | None:
    """The release of that id that is on the host, if it has the same units and processes."""
    found = read_release(layout, release.id)
    same = found and (found.units, found.processes) == (release.units, release.processes)
    return found if same else None
