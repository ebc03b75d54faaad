"""What a process can do in its sandbox and what it cannot, as a program finds that tries all of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from lab.deploys import Player
from programs import SERVICES
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

#: Deploys the program in a sandbox of these variables; what came of its attempts, and the role's result.
Deploy = Callable[..., tuple[dict[str, Any], dict[str, Any]]]


@pytest.fixture
def deploy(host: Host, player: Player) -> Deploy:
    host.run_expect([0], PREPARE)
    names: list[str] = []

    def deploy(**changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        name = f"sandbox{len(names)}"
        names.append(name)
        variables = {
            "name": name,
            "src": str(SERVICES / "sandbox.py"),
            "command": "python sandbox.py",
            "type": "oneshot",
            "environment": {"ODD": ODD},
            "secrets": {"ODD_SECRET": ODD, "empty": ""},
            "secret_environment": ["ODD_SECRET"],
            **changes,
        }
        named = {f"python_service_{key}": value for key, value in variables.items()}
        role = {"ansible.builtin.include_role": {"name": "python_service"}}
        show = {"ansible.builtin.debug": {"var": "python_service_result"}, "name": "Result"}
        run = player.play([role, show], **named).succeeded()
        (result,) = (told for task, told in run.tasks if task == "Result")
        if (
            "full" in host.backend.name
            and changes.get("hardening") != "off"
            and not changes.get("allow")
        ):
            assert exposure(host, name) <= EXPOSURE[changes.get("network", "full")]
        told = json.loads(host.file(f"/var/lib/{name}/told.json").content_string)
        return told, result["python_service_result"]

    return deploy


def exposure(host: Host, name: str) -> float:
    """What systemd reckons of a service's unit; lower is better."""
    last = host.check_output(f"systemd-analyze security --no-pager {name}.service").splitlines()[-1]
    found = re.search(r"exposure level for \S+: ([\d.]+)", last)
    assert found, last
    return float(found[1])


def denied(told: Mapping[str, Any]) -> set[str]:
    return {name for name, outcome in told.items() if outcome is not True}


def without(attempts: set[str], result: Mapping[str, Any]) -> set[str]:
    """Attempts that a host can keep from succeeding."""
    lacking = result["not_honoured"]
    return attempts - {one for name in lacking for one in AGAINST.get(name, ())}


def test_a_process_can_do_what_programs_do_and_nothing_else(deploy: Deploy, host_name: str) -> None:
    told, result = deploy()
    assert denied(told) == without(ATTEMPTS - OPENED["network"], result)
    lacking = set(result["not_honoured"])
    assert lacking <= (OLD if "full" in host_name else OLD | POOR)

    # Each word opens what it names; this host alone can be reached.
    words = [name.partition("[")[2].rstrip("]") for name in OPENED if name.startswith("allow")]
    told, result = deploy(allow=words, writable=["/srv/probe"], network="localhost")
    assert denied(told) == without({*NEVER, *SHUT, "reach another host"}, result)

    told, result = deploy(network="none")
    assert denied(told) == {*without(ATTEMPTS, result), *ONLINE}

    deploy(network="inbound")

    told, result = deploy(hardening="off")
    assert denied(told) - {"make a user namespace"} == NEVER
    assert set(result["not_honoured"]) <= {"LoadCredential"}
