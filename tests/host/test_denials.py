"""What a process can do in its sandbox and what it cannot, as a program finds that tries all of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from lab.deploys import Player, prefixed, role_task
from lab.wheels import SERVICES
from testinfra.host import Host

HOSTS = tuple(
    f"debian-{release}{kind}" for release in ("11", "12", "13", "testing") for kind in ("", "-full")
)
#: What a program finds only where the sandbox lets it: a host without it would show nothing.
PREPARE = """
set -e
umask 0
mkdir -p /usr/local/share/probe /etc/probe /home/probe /srv/probe
echo secret | tee /home/probe/file >/tmp/probe-of-another
test -e /dev/probe || mknod -m 0666 /dev/probe c 1 3
install -m 4755 /usr/bin/id /usr/local/bin/id-as-root
"""
#: What hardly any program does that is no administrator's: also without a sandbox it is denied.
NEVER = {
    "become root",
    "load a module",
    "open a packet socket",
    "run in real time",
    "set the host name",
    "write a setting of the kernel",
    "write to its own code",
    "write to its secret",
    "write to its virtual environment",
}
#: What each word opens.
OPENED = {
    "allow: [affinity]": {"lower its priority", "choose its processors"},
    "allow: [chown]": {"chown to itself"},
    "allow: [debug]": {"trace a process"},
    "allow: [devices]": {"see devices"},
    "allow: [home]": {"read a home directory"},
    "allow: [jit]": {"memory that is writable and executable"},
    "allow: [netlink]": {"open a netlink socket"},
    "allow: [procinfo]": {"read the host's figures"},
    "writable": {"write to a path of its own elsewhere"},
    "network": {"open an internet socket", "reach this host", "reach another host"},
}
#: What is denied for good, unless nothing is.
SHUT = {
    "write to /usr",
    "write to /etc",
    "read another's file in /tmp",
    "see other processes",
    "run with root's rights",
    "make a program that runs with its rights",
    "make a user namespace",
}
ATTEMPTS = {*NEVER, *SHUT, *(one for group in OPENED.values() for one in group)}
#: Attempts by the directive that alone stands against them.
AGAINST = {
    "IPAddressDeny": {"reach another host"},
    "ProtectProc": {"see other processes"},
    "ProcSubset": {"read the host's figures"},
}
ONLINE = {"an HTTP server and client"}
#: By python_service_network, the worst that `systemd-analyze security` may say of a full host.
EXPOSURE = {"full": 1.1, "localhost": 0.9, "inbound": 0.3, "none": 0.3}
#: What systemd may be too old for, and what else a poor host may lack.
OLD = {"PrivateIPC"}
POOR = {"PrivateUsers", "PrivateNetwork", "IPAddressDeny", "LoadCredential"}

#: As the program has it.
ODD = 'it\'s "odd": 100 % of $HOME, ${HOME} and $$, C:\\new\\table\\, ünïcode\t.'

#: What each word of `OPENED` is written as.
ALLOWED = [name.partition("[")[2].rstrip("]") for name in OPENED if name.startswith("allow")]
#: Sandboxes by the names of their services.
SANDBOXES: dict[str, dict[str, Any]] = {
    "default": {},
    "open": {"allow": ALLOWED, "writable": ["/srv/probe"], "network": "localhost"},
    "offline": {"network": "none"},
    "inbound": {"network": "inbound"},
    "off": {"hardening": "off"},
}


class Deployed(NamedTuple):
    """What came of the attempts of a program, and the directives that its host does not honour."""

    told: dict[str, Any]
    lacking: set[str]


@pytest.fixture
def deployed(host: Host, player: Player) -> dict[str, Deployed]:
    """The program, deployed in each of the sandboxes."""
    host.run_expect([0], PREPARE)
    shared = {
        "src": str(SERVICES / "sandbox.py"),
        "command": "python sandbox.py",
        "type": "oneshot",
        "environment": {"ODD": ODD},
        "secrets": {"ODD_SECRET": ODD, "empty": ""},
        "secret_environment": ["ODD_SECRET"],
    }
    tasks: list[dict[str, Any]] = []
    for name, changes in SANDBOXES.items():
        variables = prefixed({"name": name, **shared, **changes})
        show = {"name": name, "ansible.builtin.debug": {"var": "python_service_result"}}
        tasks += [{**role_task(), "vars": variables}, show]
    run = player.play(tasks).succeeded()
    results = {
        name: result["python_service_result"] for name, result in run.tasks if name in SANDBOXES
    }
    return {
        name: Deployed(
            json.loads(host.file(f"/var/lib/{name}/told.json").content_string),
            set(result["not_honoured"]),
        )
        for name, result in results.items()
    }


def exposure(host: Host, name: str) -> float:
    """What systemd reckons of a service's unit; lower is better."""
    last = host.check_output(f"systemd-analyze security --no-pager {name}.service").splitlines()[-1]
    found = re.search(r"exposure level for \S+: ([\d.]+)", last)
    assert found, last
    return float(found[1])


def denied(told: Mapping[str, Any]) -> set[str]:
    return {name for name, outcome in told.items() if outcome is not True}


def without(attempts: set[str], lacking: set[str]) -> set[str]:
    """Attempts that a host can keep from succeeding."""
    return attempts - {one for name in lacking for one in AGAINST.get(name, ())}


def test_a_process_can_do_what_programs_do_and_nothing_else(
    deployed: dict[str, Deployed], host: Host, host_name: str
) -> None:
    told, lacking = deployed["default"]
    assert denied(told) == without(ATTEMPTS - OPENED["network"], lacking)
    assert lacking <= (OLD if "full" in host_name else OLD | POOR)

    # Each word opens what it names; this host alone can be reached.
    told, lacking = deployed["open"]
    assert denied(told) == without({*NEVER, *SHUT, "reach another host"}, lacking)

    told, lacking = deployed["offline"]
    assert denied(told) == {*without(ATTEMPTS, lacking), *ONLINE}

    told, lacking = deployed["off"]
    assert denied(told) - {"make a user namespace"} == NEVER
    assert lacking <= {"LoadCredential"}

    if "full" in host_name:
        for name in ("default", "offline", "inbound"):
            assert exposure(host, name) <= EXPOSURE[SANDBOXES[name].get("network", "full")]
