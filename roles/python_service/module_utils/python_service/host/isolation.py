# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What a host cannot honour of what a unit asks for, found by trying it there, and what it alone can.

A container, a kernel or an older systemd may lack some kind of isolation.
systemd then refuses to start the unit, or starts it without and says so in a
line of the log. So a program that looks around is run with the same settings;
what it is short of goes into a drop-in of this host, and is named.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..errors import ServiceError
from ..layout import DROP_IN, UNIT_MARK, Layout
from ..model import DELIVERY, Process
from ..source import combined_digest
from . import commands
from .decide import Desired
from .files import make_directory, read, write
from .machine import Machine
from .systemd import Systemd

#: What turns a directive off, those first that hosts are known to lack.
_OFF = {
    "PrivateUsers": "no",
    "PrivateNetwork": "no",
    "PrivateIPC": "no",
    "ProcSubset": "all",
    "ProtectProc": "default",
    "IPAddressDeny": "",
    "IPAddressAllow": "",
    "DevicePolicy": "auto",
    "PrivateDevices": "no",
    "PrivateTmp": "no",
    "ProtectHostname": "no",
    "ProtectClock": "no",
    "ProtectControlGroups": "no",
    "ProtectKernelTunables": "no",
    "ProtectKernelModules": "no",
    "ProtectKernelLogs": "no",
    "ProtectHome": "no",
    "ProtectSystem": "no",
    "KeyringMode": "inherit",
    "MemoryDenyWriteExecute": "no",
    "RestrictNamespaces": "no",
    "RestrictRealtime": "no",
    "RestrictSUIDSGID": "no",
    "RestrictAddressFamilies": "",
    "LockPersonality": "no",
    "SystemCallFilter": "",
    "SystemCallArchitectures": "",
    "NoNewPrivileges": "no",
    DELIVERY: "",
}
#: A credential that every host can give, in the place of those that a unit asks for.
_ANY_CREDENTIAL = "probe:/etc/passwd"
#: Versions of systemd that came to know a directive after the oldest that the role runs on.
_SINCE = {"PrivateIPC": 248}
#: A comment of a unit that has a line for newer ones.
_LATER = re.compile(r"^# From systemd (\d+) on: (.+)$", re.MULTILINE)
#: A user of every Linux system that nothing runs as.
_NOBODY = "daemon"
#: Prints which of the directives that it is given have no effect on it. Without a word on those
#: of which a program cannot tell.
_PROBE = """
import json, mmap, os, socket, sys
asked, ours = json.loads(sys.argv[1])

def apart(kind):
    return os.readlink(f"/proc/self/ns/{kind}") != ours[kind]

def denied(action):
    try:
        action()
    except PermissionError:
        return True
    except OSError:
        return None
    return False

def send():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"", ("127.0.0.1", 9))

def confined(word):
    with open("/proc/self/status") as file:
        return dict(line.split(":", 1) for line in file)[word].strip() != "0"

def delivered():
    try:
        with open(os.path.join(os.environ["CREDENTIALS_DIRECTORY"], "probe"), "rb") as file:
            return bool(file.read(1))
    except (KeyError, OSError):
        return False

effects = {
    "LoadCredential": delivered,
    "PrivateUsers": lambda: apart("user"),
    "PrivateNetwork": lambda: apart("net"),
    "PrivateIPC": lambda: apart("ipc"),
    "ProtectHostname": lambda: apart("uts"),
    "PrivateTmp": lambda: apart("mnt"),
    "ProtectProc": lambda: not os.path.exists("/proc/1"),
    "ProcSubset": lambda: not os.path.exists("/proc/meminfo"),
    "ProtectSystem": lambda: bool(os.statvfs("/usr").f_flag & os.ST_RDONLY),
    "NoNewPrivileges": lambda: confined("NoNewPrivs"),
    "SystemCallFilter": lambda: confined("Seccomp"),
    "MemoryDenyWriteExecute": lambda: denied(lambda: mmap.mmap(-1, 4096, prot=7)) is not False,
    "IPAddressDeny": lambda: denied(send) is not False,
}
print(json.dumps([name for name in asked if name in effects and not effects[name]()]))
"""


def on_this_host(layout: Layout, machine: Machine, desired: Desired) -> Desired:
    """What is desired, with the drop-ins that this host needs for it, and what runs commands there."""
    if desired.release is None:
        return desired
    drop_ins, lacking = {}, set[str]()
    for process in desired.release.processes:
        unit = desired.release.units[process.unit]
        asked = _asked(unit)
        found = _lacking(layout, machine.systemd, desired.release.venv.python, asked)
        lacking.update(found.refused, found.unknown)
        added = _added(unit, machine.systemd)
        if found.refused or added:
            text = _text(layout, process, found.refused, added)
            drop_ins[DROP_IN.format(unit=process.unit)] = text
    main = desired.release.processes[0].unit
    text = desired.release.units[main] + drop_ins.get(DROP_IN.format(unit=main), "")
    of_commands = DROP_IN.format(unit=f"{layout.commands}.service")
    drop_ins[of_commands] = commands.drop_in(layout, main, text)
    scripts = {layout.run: commands.script(layout, desired.release.venv.python)}
    return replace(desired, drop_ins=drop_ins, scripts=scripts, not_honoured=tuple(sorted(lacking)))


class _Lacking(NamedTuple):
    """Directives that a host cannot honour: those that are turned off, and those that its systemd does not know."""

    refused: Sequence[str] = ()
    unknown: Sequence[str] = ()


def _asked(unit: str) -> dict[str, list[str]]:
    """The values of the directives that a unit asks for, by their names; the last of most counts."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^([A-Za-z]+)=(.*)$", unit, re.MULTILINE):
        found.setdefault(name, []).append(value)
    if DELIVERY in found:
        found[DELIVERY] = [_ANY_CREDENTIAL]
    names = [name for name in (*_OFF, *_SINCE) if name in found]
    return {name: found[name] for name in names if found[name][-1] != _OFF.get(name)}


def _added(unit: str, systemd: Systemd) -> list[str]:
    """The lines that a unit has for a systemd as new as the host's."""
    later = _LATER.findall(unit)
    version = systemd.version() if later else 0
    return [line for since, line in later if int(since) <= version]


def _lacking(
    layout: Layout, systemd: Systemd, python: str, asked: Mapping[str, Sequence[str]]
) -> _Lacking:
    if not asked:
        return _Lacking()
    # Tried once, and again by another systemd, another kernel, or after a boot.
    parts = [systemd.identity(), *(f"{name}={value}" for name in asked for value in asked[name])]
    path = os.path.join(layout.runtime, f"isolation-{combined_digest(parts)[:12]}.json")
    known = read(path)
    if known is not None:
        return _Lacking(**json.loads(known))
    found = _tried(systemd, python, asked)
    make_directory(layout.runtime, 0o700)
    write(path, json.dumps(found._asdict()))
    return found


def _tried(systemd: Systemd, python: str, asked: Mapping[str, Sequence[str]]) -> _Lacking:
    version = systemd.version()
    unknown = [name for name, since in _SINCE.items() if name in asked and version < since]
    known = [name for name in asked if name in _OFF and name not in unknown]
    if not known:
        return _Lacking(unknown=unknown)
    kinds = ("user", "net", "ipc", "uts", "mnt")
    ours = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in kinds}

    def without(left_out: Sequence[str]) -> list[str] | None:
        """What has no effect of that which is not left out; None where nothing could be started."""
        names = [name for name in known if name not in left_out]
        command = [python, "-I", "-S", "-c", _PROBE, json.dumps([names, ours])]
        settings = [f"{name}={value}" for name in names for value in asked[name]]
        said = systemd.try_settings([f"User={_NOBODY}", *settings], command)
        return None if said is None else json.loads(said)

    # One alone may be in the way, and else several.
    tries = [
        [],
        *([name] for name in known),
        *(known[:count] for count in range(2, len(known) + 1)),
    ]
    for left_out in tries:
        ineffective = without(left_out)
        if ineffective is not None:
            return _Lacking([*left_out, *ineffective], unknown)
    raise ServiceError(
        "the host starts no process at all with python_service_hardening: strict; "
        "write python_service_hardening: off there"
    )


def _text(layout: Layout, process: Process, refused: Sequence[str], added: Sequence[str]) -> str:
    lines = [
        f"{UNIT_MARK}; the next deploy writes it again.",
        f"# Service: {layout.name}",
        "[Service]",
    ]
    if refused:
        lines.append("# What this host cannot honour of the unit, and does without")
        lines += [f"{name}={_OFF[name]}" for name in refused]
    if DELIVERY in refused and process.secrets:
        # The process reads the files themselves.
        lines.append(f"Environment=CREDENTIALS_DIRECTORY={layout.secrets}")
    if added:
        lines.append("# What the unit has for a systemd as new as this one")
        lines += added
    return "\n".join(lines) + "\n"
