"""What a removal takes from a real host, where userdel, systemd and a kernel have a say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lab.deploys import Player, Run
from testinfra.host import Host

HOST = "debian-12"
#: Runs, has stored something, and leaves a child behind that nobody ends.
PROGRAM = """
import os, signal
with open(os.path.join(os.environ["STATE_DIRECTORY"], "stored"), "w") as file:
    os.fchmod(file.fileno(), MODE)
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pause()
signal.pause()
"""
LEAVES_CHILDREN = {"KillMode": "process"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    directory = tmp_path / "source"
    directory.mkdir()
    (directory / "main.py").write_text(PROGRAM.replace("MODE", "0o755"))
    return directory


def deploy(
    player: Player, source: Path, name: str, user: str | None = None, **options: str
) -> None:
    player.role(
        name=name,
        user=user or name,
        group=user or name,
        src=str(source),
        command="python main.py",
        unit_options={"Service": {**LEAVES_CHILDREN, **options}},
    ).succeeded()


def remove(player: Player, name: str, *options: str, **changes: Any) -> Run:
    return player.role(*options, name=name, state="absent", **changes)


def warnings(run: Run) -> str:
    return " ".join(text for _, result in run.tasks for text in result.get("warnings", []))


def test_a_group_that_was_there_stays_and_no_process_does(
    host: Host, player: Player, source: Path
) -> None:
    before = host.check_output("getent group sudo")
    (source / "main.py").write_text(PROGRAM.replace("MODE", "0o4755"))
    deploy(player, source, "lonely", "sudo", RestrictSUIDSGID="no")
    assert host.check_output("id -gn sudo") == "sudo"
    assert len(host.process.filter(user="sudo")) == 2
    remove(player, "lonely").succeeded()
    assert [process for process in host.process.filter() if "main.py" in process.args] == []
    assert host.check_output("getent group sudo") == before
    assert not host.user("sudo").exists
    # Without an owner, and without the rights that it was stored with.
    assert host.check_output("stat -c '%U %A' /var/lib/lonely/stored") == "root -rwxr-xr-x"
    remove(player, "lonely", remove_data=True).succeeded()
    assert not host.file("/var/lib/lonely").exists


def test_private_directories_are_a_services_data(host: Host, player: Player, source: Path) -> None:
    deploy(player, source, "secretive", DynamicUser="yes")
    assert host.file("/var/lib/secretive").is_symlink
    remove(player, "secretive").succeeded()
    assert host.check_output("stat -c %U /var/lib/private/secretive/stored") == "root"
    assert not host.file("/var/cache/private/secretive").exists
    predicted = remove(player, "secretive", "--check", remove_data=True).succeeded()
    done = remove(player, "secretive", remove_data=True).succeeded()
    assert predicted.changed == done.changed != []
    found = host.check_output("find /var/lib /var/cache /var/log -name secretive*")
    assert found == ""


def test_what_others_have_taken_into_use_stays_with_a_word(
    host: Host, player: Player, source: Path
) -> None:
    deploy(player, source, "popular")
    host.check_output("useradd --no-create-home --gid popular guest")
    host.check_output("mkdir /opt/popular/releases/notes /var/lib/popular/share")
    host.check_output("mount -t tmpfs tmpfs /var/lib/popular/share")
    refused = remove(player, "popular", remove_data=True)
    assert "a file system is mounted at /var/lib/popular/share" in refused.message
    assert host.service("popular").is_running
    host.check_output("umount /var/lib/popular/share")
    said = warnings(remove(player, "popular", remove_data=True).succeeded())
    assert "the group popular stays: it is used by the user guest" in said
    assert "/opt/popular/releases/notes" in said
    assert host.group("popular").exists
    assert not host.user("popular").exists
    assert host.file("/opt/popular/releases/notes").is_directory
