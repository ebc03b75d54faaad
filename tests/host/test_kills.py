"""Deploys that are cut off: the old release or the new one serves, whole, and the next run converges."""

from __future__ import annotations

import os
import signal
import time
from subprocess import Popen
from typing import NamedTuple

import pytest
from lab.deploys import Player, Versioned, make_versioned
from testinfra.host import Host

# All modules that run on the host are looked for, so no other test may run any there.
HOST = "debian-13"

#: Kills on each side, spread over the course of a deploy.
MOMENTS = 3
#: A module comes through the standard input of an interpreter that has no arguments.
MODULES = "pgrep -xf '/usr/bin/python3[.0-9]*'"


def converge(versioned: Versioned, version: str) -> None:
    """Deploy as soon as what the killed one left running on the host has ended."""

    def free() -> bool:
        run = versioned.deploy(version)
        return "is being changed by" not in run.message and run.succeeded().status == 0

    versioned.service.eventually(free)


def expect_whole(versioned: Versioned, *versions: str) -> None:
    """One of these versions is served; a restart may be under way at this moment."""

    def served() -> bool:
        try:
            return versioned.serves() in versions
        except ConnectionError:
            return False

    versioned.service.eventually(served)


def expect_tidy(host: Host, versioned: Versioned) -> None:
    name = versioned.service.name
    left = host.check_output(f"ls -A /opt/{name}").split()
    assert set(left) == {"releases", "environments", "current", "run", "history.jsonl"}
    units = host.check_output(f"ls -A /etc/systemd/system | grep {name}").split()
    assert set(units) == {f"{name}.service", f"{name}.service.d", f"{name}.run-.service.d"}


class Measured(NamedTuple):
    """A service that was upgraded, and the seconds that it took, to spread the kills over them."""

    versioned: Versioned
    seconds: float


@pytest.fixture(scope="module")
def measured(host: Host, host_name: str, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    versioned = make_versioned(host, host_name, tmp_path_factory.mktemp("killed"), "killed", 20000)
    versioned.deploy("first").succeeded()
    return Measured(versioned, versioned.deploy("second").succeeded().seconds)


def test_killed_controllers(host: Host, measured: Measured, player: Player) -> None:
    versioned, whole = measured
    old = versioned.serves()
    for moment in range(MOMENTS):
        new = f"controller{moment}"
        versioned.write(new)
        process = player.start(player.role_playbook(**versioned.variables()))
        time.sleep(whole * (moment + 1) / (MOMENTS + 1))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        expect_whole(versioned, old, new)
        converge(versioned, new)
        assert versioned.serves() == new
        old = new
    expect_tidy(host, versioned)
    assert versioned.deploy(old).succeeded().changed == []


def kill_a_step(host: Host, deploy: Popen[str], delay: float) -> bool:
    """Kill what runs on the host after a delay, or what runs there next; whether anything did."""
    time.sleep(delay)
    killed = False
    while not killed and deploy.poll() is None:
        found = host.run(MODULES)
        killed = found.rc == 0 and host.run(f"kill -9 {' '.join(found.stdout.split())}").rc == 0
    deploy.communicate()
    return killed


def test_killed_steps_on_the_host(host: Host, measured: Measured, player: Player) -> None:
    versioned, whole = measured
    old = versioned.serves()
    for moment in range(MOMENTS):
        new = f"step{moment}"
        versioned.write(new)
        playbook = player.role_playbook(**versioned.variables())
        delay = whole * (moment + 4) / (MOMENTS + 8)
        # A deploy that ended before anything of it was killed tells nothing: once more, and sooner.
        while not kill_a_step(host, player.start(playbook), delay):
            delay /= 2
            versioned.deploy(old).succeeded()
            versioned.write(new)
        expect_whole(versioned, old, new)
        converge(versioned, new)
        assert versioned.serves() == new
        old = new
    expect_tidy(host, versioned)
    assert versioned.deploy(old).succeeded().changed == []
