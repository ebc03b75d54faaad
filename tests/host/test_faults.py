"""A host that is not as it should be: full, without its Python, or sent what a file system can hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lab.deploys import Versioned, make_wheel
from testinfra.host import Host

HOST = "debian-13"


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
