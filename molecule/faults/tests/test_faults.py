"""Deploys that are cut off: the old release or the new one serves, whole, and the next run converges."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from testinfra.host import Host

from conftest import Player, Run, Versioned, make_wheel

#: Kills on each side, spread over the course of a deploy.
MOMENTS = 16
#: A module comes through the standard input of an interpreter that has no arguments.
MODULES = "pgrep -xf '/usr/bin/python3[.0-9]*'"


def converge(versioned: Versioned, version: str) -> Run:
    """Deploy until what the killed one left running on the host has ended."""
    deadline = time.monotonic() + 60
    while True:
        run = versioned.deploy(version)
        if "is being changed by" not in run.message or time.monotonic() > deadline:
            return run.succeeded()


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
    assert set(left) == {"releases", "environments", "current", "history.jsonl"}
    assert host.check_output(f"ls -A /etc/systemd/system | grep -c {name}.service") == "1"


def duration(versioned: Versioned) -> float:
    """Seconds that a deploy takes here, to spread the kills over it."""
    versioned.deploy("first").succeeded()
    begin = time.monotonic()
    versioned.deploy("second").succeeded()
    return time.monotonic() - begin


def test_killed_controllers(host: Host, versioned: Versioned, player: Player) -> None:
    whole = duration(versioned)
    old = "second"
    for moment in range(MOMENTS):
        new = f"killed{moment}"
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


def test_killed_steps_on_the_host(host: Host, versioned: Versioned, player: Player) -> None:
    whole = duration(versioned)
    old = "second"
    killed = 0
    for moment in range(MOMENTS):
        new = f"killed{moment}"
        versioned.write(new)
        process = player.start(player.role_playbook(**versioned.variables()))
        time.sleep(whole * (moment + 4) / (MOMENTS + 8))
        # The next step that runs on the host, should none run at this very moment.
        while process.poll() is None:
            found = host.run(MODULES)
            if found.rc == 0:
                host.run(f"kill -9 {' '.join(found.stdout.split())}")
                killed += 1
                break
        process.communicate()
        expect_whole(versioned, old, new)
        converge(versioned, new)
        assert versioned.serves() == new
        old = new
    assert killed >= MOMENTS // 2
    expect_tidy(host, versioned)
    assert versioned.deploy(old).succeeded().changed == []


@pytest.fixture
def small_disk(host: Host) -> str:
    """A file system that is soon full."""
    path = "/mnt/small"
    host.check_output(
        f"mkdir -p {path} && umount {path} 2>/dev/null; mount -t tmpfs -o size=12m,mode=755 none {path}"
    )
    return path


def test_a_full_disk(host: Host, versioned: Versioned, tmp_path: Path, small_disk: str) -> None:
    versioned.deploy("good", root=small_disk).succeeded()
    wheelhouse = tmp_path / "wheelhouse"
    wheelhouse.mkdir()
    make_wheel(wheelhouse, "1.0", "big", size=40_000_000)
    given = {"requirements": ["big"], "wheelhouse": str(wheelhouse), "root": small_disk}
    run = versioned.deploy("bad", **given)
    assert run.status != 0
    assert "No space left on device" in run.message
    assert versioned.serves() == "good"
    left = host.check_output(f"ls -A {small_disk}/{versioned.service.name}").split()
    assert not [name for name in left if name.startswith(".incoming")]
    assert (
        len(host.check_output(f"ls {small_disk}/{versioned.service.name}/environments").split())
        == 1
    )
    (versioned.source / "data").write_bytes(os.urandom(14_000_000))
    run = versioned.deploy("bad", root=small_disk)
    assert "No space left on device" in run.message
    (versioned.source / "data").unlink()
    versioned.deploy("better", root=small_disk).succeeded()
    assert versioned.serves() == "better"


def test_a_python_that_is_gone(host: Host, versioned: Versioned) -> None:
    host.check_output("cp /usr/bin/python3 /usr/local/bin/python3.own")
    python = "/usr/local/bin/python3.own"
    versioned.deploy("good", python=python).succeeded()
    host.check_output(f"rm {python}")
    run = versioned.deploy("bad", python=python)
    assert f"python_service_python: {python} cannot be run on this host" in run.message
    assert "/usr/bin/python3" in run.message
    assert versioned.serves() == "good"
    versioned.deploy("better").succeeded()
    assert versioned.serves() == "better"


def test_sources_with_all_that_a_file_system_can_hold(host: Host, versioned: Versioned) -> None:
    source = versioned.source
    for name in (
        b"two words",
        b"quote'\"",
        b"new\nline",
        b"not-utf8-\xff",
        b"-dash",
        b"$(x)",
        b"%h",
    ):
        Path(os.fsdecode(os.fsencode(source) + b"/" + name)).write_bytes(name)
    (source / "empty").mkdir()
    (source / "zero").touch()
    (source / "tool").write_text("#!/bin/sh\n")
    (source / "tool").chmod(0o755)
    (source / "link").symlink_to("main.py")
    with (source / "large").open("wb") as file:
        file.truncate(100_000_000)
    many = source / "many"
    many.mkdir()
    for number in range(5000):
        (many / f"{number}.txt").write_text(str(number))
    versioned.deploy("one").succeeded()
    assert versioned.serves() == "one"
    app = f"/opt/{versioned.service.name}/current/app"
    assert host.check_output(f"ls {app}/many | wc -l") == "5000"
    assert host.check_output(f"stat -c %s {app}/large {app}/zero") == "100000000\n0"
    assert host.check_output(f"stat -c %a {app}/tool {app}/zero {app}/empty") == "755\n644\n755"
    assert host.check_output(f"readlink {app}/link") == "main.py"
    assert versioned.deploy("one").succeeded().changed == []
