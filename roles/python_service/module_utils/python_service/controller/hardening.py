# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What keeps a process from more than it needs: one table, from which its unit is made.

Sources: systemd.exec(5), systemd.resource-control(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..layout import HOMES
from ..model import DELIVERY
from .manual import PREFIX
from .places import lies_in
from .problems import problem
from .settings import ProcessSettings, Settings, items_of
from .unit_options import TRUE

#: Words of python_service_network with which a process has no network of the host's.
_CLOSED = ("inbound", "none")
_OPEN = ("full", "localhost")


class Rule(NamedTuple):
    """A directive, its value, and when it stands in a unit.

    With the word ``allow`` of ``python_service_allow`` it has the value
    ``allowed`` instead. None is no line. ``network`` are the words of
    ``python_service_network`` for which it holds; it holds for all where there are none.
    """

    directive: str
    value: str | None
    allow: str = ""
    allowed: str | None = None
    network: Sequence[str] = ()


class Group(NamedTuple):
    """Rules for one purpose, with a word on it."""

    purpose: str
    rules: Sequence[Rule]


PROFILE = (
    Group(
        "No rights but those of its account, and no way to more",
        [
            Rule("NoNewPrivileges", "yes"),
            Rule("CapabilityBoundingSet", ""),
            Rule("AmbientCapabilities", ""),
            Rule("PrivateUsers", "yes"),
            Rule("RestrictNamespaces", "yes"),
            Rule("RestrictSUIDSGID", "yes"),
            Rule("KeyringMode", "private"),
        ],
    ),
    Group(
        "Nothing to write but the directories above, and no sight of what is others'",
        [
            Rule("ProtectSystem", "strict"),
            Rule("ProtectHome", "yes", "home"),
            Rule("PrivateTmp", "yes"),
            Rule("PrivateDevices", "yes", "devices"),
            Rule("DevicePolicy", "closed", "devices"),
            Rule("PrivateIPC", "yes"),
            Rule("RemoveIPC", "yes"),
            Rule("ProtectProc", "invisible"),
            Rule("ProcSubset", "pid", "procinfo"),
        ],
    ),
    Group(
        "The kernel's own settings, and the clock",
        [
            Rule("ProtectKernelTunables", "yes"),
            Rule("ProtectKernelModules", "yes"),
            Rule("ProtectKernelLogs", "yes"),
            Rule("ProtectControlGroups", "yes"),
            Rule("ProtectHostname", "yes"),
            # It leaves no device but the clock's.
            Rule("ProtectClock", "yes", "devices"),
            Rule("RestrictRealtime", "yes"),
            Rule("LockPersonality", "yes"),
        ],
    ),
    Group(
        "System calls that services make; a denied one fails, and does not kill",
        [
            Rule("SystemCallArchitectures", "native"),
            Rule("SystemCallFilter", "@system-service"),
            Rule("SystemCallFilter", "~@privileged @resources"),
            Rule("SystemCallFilter", None, "chown", "@chown"),
            Rule("SystemCallFilter", None, "affinity", "@resources"),
            Rule("SystemCallFilter", None, "debug", "@debug"),
            Rule("SystemCallErrorNumber", "EPERM"),
            Rule("MemoryDenyWriteExecute", "yes", "jit"),
        ],
    ),
    Group(
        "The network",
        [
            Rule("RestrictAddressFamilies", "AF_UNIX"),
            Rule("RestrictAddressFamilies", "AF_INET AF_INET6", network=_OPEN),
            Rule("RestrictAddressFamilies", None, "netlink", "AF_NETLINK"),
            Rule("IPAddressDeny", "any", network=("localhost", *_CLOSED)),
            Rule("IPAddressAllow", "localhost", network=("localhost",)),
            Rule("PrivateNetwork", "yes", network=_CLOSED),
        ],
    ),
)
_RULES = [rule for group in PROFILE for rule in group.rules]
#: Settings beside the profile's that give what it withholds.
_OPENING = ("BindPaths", "DeviceAllow", "ReadWritePaths")
_PATH = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9._+-]*)+")


def protection(process: ProcessSettings) -> list[tuple[str, list[str]]]:
    """The lines of a process's unit that protect the host from it, in groups with a word on each."""
    groups = [
        (group.purpose, [line for rule in group.rules for line in _lines(rule, process)])
        for group in PROFILE
    ]
    if process.writable:
        purpose = "More to write (python_service_writable)"
        groups.append((purpose, [f"ReadWritePaths={path}" for path in process.writable]))
    return [(purpose, lines) for purpose, lines in groups if lines]


def socket_protection(process: ProcessSettings) -> list[str]:
    """The lines of the unit of a process's sockets: systemd filters what comes to those by them.

    Of ``inbound``, all may come.
    """
    rules = (rule for rule in _RULES if rule.directive.startswith("IPAddress"))
    if process.network != "localhost":
        return []
    return [line for rule in rules for line in _lines(rule, process)]


def _lines(rule: Rule, process: ProcessSettings) -> Iterator[str]:
    if rule.network and process.network not in rule.network:
        return
    # What is asked for of the network holds without the rest as well.
    if process.hardening == "off" and (not rule.network or process.network == "full"):
        return
    value = rule.allowed if rule.allow and rule.allow in process.allow else rule.value
    if value is not None:
        yield f"{rule.directive}={value}"


def hardening_problems(arguments: Mapping[str, Any], base: str) -> Iterator[str]:
    """What is wrong with the variables that open the sandbox of a service in ``base``."""
    for variable in ("allow", "writable"):
        if arguments["hardening"] == "off" and arguments[variable]:
            said = f"opens what {PREFIX}hardening: strict denies, and that is off; leave one out"
            yield problem(variable, said)
    for path in arguments["writable"]:
        if not _PATH.fullmatch(path):
            said = f"{path!r} is not an absolute path of plain characters; write such as /srv/data"
            yield problem("writable", said)
        elif lies_in(path, base) or lies_in(base, path):
            said = (
                f"{path} has the service's own code in it, {base}; write the directory of its data"
            )
            yield problem("writable", said)
        elif "home" not in arguments["allow"] and any(lies_in(path, home) for home in HOMES):
            said = f"{path} is hidden from the service; write {PREFIX}allow: [home] as well"
            yield problem("writable", said)


def isolation_warnings(settings: Settings, not_honoured: Sequence[str]) -> Iterator[str]:
    """What is said of the sandbox when a deploy changes something: what is open in it, and what the host lacks."""
    opened = sorted({name for process in settings.processes for name in weakened(process)})
    if opened:
        yield problem("unit_options", f"opens what strict denies: {', '.join(opened)}")
    lacking = [name for name in not_honoured if name != DELIVERY]
    if lacking:
        yield (
            f"this host cannot honour {', '.join(lacking)}; the service runs without, "
            "and the unit is the same as on others"
        )
    if DELIVERY in not_honoured:
        yield (
            f"this host cannot honour {DELIVERY}, and delivers credentials empty; the service reads "
            f"its secrets in {settings.layout.secrets}, as others of the group {settings.group} can"
        )


def weakened(process: ProcessSettings) -> list[str]:
    """Directives by which ``python_service_unit_options`` opens what `protection` closes."""
    if process.hardening == "off":
        return []
    given = process.unit_options.get("Service", {})
    return [name for name, value in given.items() if _opens(name, items_of(value), process)]


def _opens(directive: str, values: Sequence[Any], process: ProcessSettings) -> bool:
    if directive in _OPENING:
        return any(map(str, values))
    own = {
        line.partition("=")[2]
        for rule in _RULES
        if rule.directive == directive
        for line in _lines(rule, process)
    }
    if not own:
        return directive == "IPAddressAllow" and process.network != "full"
    return any(_plain(value) not in own and not str(value).startswith("~") for value in values)


def _plain(value: Any) -> str:
    """A value as the profile writes it."""
    text = str(value).strip()
    return "yes" if text.lower() in TRUE else text
