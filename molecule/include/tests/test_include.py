"""Several services on one host: each restarted for its own reasons, and for nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Callable

import pytest
from lab import PROJECT
from lab.deploys import Player, Run, Service
from testinfra.host import Host

SERVICES = PROJECT / "molecule" / "include" / "services"
NAMES = ("first", "second", "third", "fourth")
#: Two of them are deployed anew, one that converge.yml lists under roles, one that it includes.
AGAIN = ("first", "third")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SERVICES, tmp_path / "source"))


def pids(service: Callable[[str], Service]) -> dict[str, int]:
    found = {name: service(name).pid for name in NAMES}
    assert all(found.values())
    return found


def deploy(player: Player, *options: str, **changes: dict[str, Any]) -> Run:
    """Deploy two services by one play, as converge.yml does, with changes for some."""
    tasks = []
    for name in AGAIN:
        variables = {
            "name": name,
            "src": str(SERVICES / "speaker.py"),
            "command": f"python speaker.py {name}",
            **changes.get(name, {}),
        }
        tasks.append(
            {
                "ansible.builtin.include_role": {"name": "python_service"},
                "vars": {f"python_service_{key}": value for key, value in variables.items()},
            }
        )
    return player.play(tasks, *options).succeeded()


def test_each_service_runs_as_itself(host: Host, service: Callable[[str], Service]) -> None:
    for name, pid in pids(service).items():
        assert host.process.get(pid=pid).user == name
        entries = service(name).entries(f"{name} speaks")
        assert {entry["SYSLOG_IDENTIFIER"] for entry in entries} == {name}


def test_a_second_run_changes_and_restarts_nothing(
    player: Player, service: Callable[[str], Service]
) -> None:
    before = pids(service)
    assert deploy(player).changed == []
    assert pids(service) == before


def test_changed_code_restarts_its_service_alone(
    player: Player, service: Callable[[str], Service], source: Path
) -> None:
    before = pids(service)
    program = source / "speaker.py"
    program.write_text(program.read_text().replace("speaks", "speaks anew"))
    deploy(player, third={"src": str(program)})
    after = pids(service)
    assert {name for name in NAMES if after[name] != before[name]} == {"third"}
    assert service("third").entries("third speaks anew")
    deploy(player)


def test_a_changed_unit_restarts_its_service_alone(
    player: Player, service: Callable[[str], Service]
) -> None:
    before = pids(service)
    deploy(player, third={"unit_options": {"Service": {"OOMScoreAdjust": 100}}})
    after = pids(service)
    assert {name for name in NAMES if after[name] != before[name]} == {"third"}
    assert service("third").show("OOMScoreAdjust") == {"OOMScoreAdjust": "100"}
    deploy(player)
    assert service("third").show("OOMScoreAdjust") == {"OOMScoreAdjust": "0"}


def test_check_mode_predicts_what_then_happens(player: Player, source: Path) -> None:
    program = source / "speaker.py"
    program.write_text(program.read_text().replace("speaks", "speaks later"))
    change = {"src": str(program)}
    predicted = deploy(player, "--check", "--diff", third=change)
    assert deploy(player, third=change).changed == predicted.changed != []
    assert deploy(player, "--check", third=change).changed == []


def test_variables_reach_the_process_as_they_are_written(
    host: Host, player: Player, service: Callable[[str], Service]
) -> None:
    values = {
        "SPACES": "  two  words ",
        "QUOTES": "\"double\" 'single' `back`",
        "DOLLARS": "$HOME ${HOME} $$",
        "PERCENTS": "%h %% %",
        "BACKSLASHES": "\\n \\\\ \\x41 \\",
        "TAB": "a\tb",
        "WIDE": "é 漢 🐍",
        "NUMBER": 5,
        "EMPTY": "",
        "COMMENT": "# ; =",
    }
    deploy(player, first={"environment": values})
    environ = host.check_output(f"tr '\\0' '\\n' < /proc/{service('first').pid}/environ")
    lines = environ.splitlines()
    for name, value in values.items():
        assert f"{name}={value}" in lines


def test_a_deploy_that_died_before_the_restart_is_finished(
    host: Host, player: Player, service: Callable[[str], Service], source: Path
) -> None:
    first = service("first")
    old = host.check_output("cat /etc/systemd/system/first.service")
    program = source / "speaker.py"
    program.write_text(program.read_text().replace("speaks", "speaks at last"))
    change = {"src": str(program)}
    deploy(player, first=change)
    new = host.check_output("cat /etc/systemd/system/first.service")
    # As it is when the host's step dies: the old release runs, the new one's unit is loaded.
    for text, command in ((old, "restart first"), (new, "is-active first")):
        host.check_output("printf '%%s\\n' %s > /etc/systemd/system/first.service", text)
        host.check_output(f"systemctl daemon-reload && systemctl {command}")
    before = first.pid
    spoken = len(first.entries("speaks at last"))
    assert deploy(player, first=change).changed != []
    assert first.pid != before
    assert len(first.entries("speaks at last")) == spoken + 1


def test_stopped_and_disabled_and_back(
    host: Host, player: Player, service: Callable[[str], Service]
) -> None:
    deploy(player, third={"state": "stopped", "enabled": False})
    assert not host.service("third").is_running
    assert not host.service("third").is_enabled
    assert deploy(player, third={"state": "stopped", "enabled": False}).changed == []
    deploy(player)
    assert host.service("third").is_running
    assert host.service("third").is_enabled


def test_a_job_runs_once_a_release(
    player: Player, service: Callable[[str], Service], source: Path
) -> None:
    (source / "job.py").write_text("print('<5>the job is done')\n")
    job = {"name": "job", "src": str(source), "command": "python job.py", "type": "oneshot"}
    player.role(**job).succeeded()
    assert len(service("job").entries("the job is done")) == 1
    assert player.role(**job).changed == []
    assert len(service("job").entries("the job is done")) == 1
    player.role(name="job", state="absent").succeeded()


def test_absent_takes_what_the_role_made_and_leaves_the_rest(
    host: Host, player: Player, service: Callable[[str], Service]
) -> None:
    host.check_output("getent passwd stranger || useradd --system stranger")
    given = {
        "name": "guest",
        "src": str(SERVICES / "speaker.py"),
        "command": "python speaker.py guest",
        "user": "stranger",
    }
    player.role(**given).succeeded()
    host.check_output("touch /var/lib/guest/data /opt/guest/mine")
    predicted = player.role("--check", name="guest", state="absent")
    assert host.service("guest").is_running
    assert player.role(name="guest", state="absent").changed == predicted.changed != []
    assert not host.file("/etc/systemd/system/guest.service").exists
    assert host.run("systemctl status guest").rc == 4  # no such unit: systemctl(1)
    # The history stays as long as the data do.
    assert host.check_output("ls -A /opt/guest").split() == ["history.jsonl", "mine"]
    assert host.user("stranger").exists
    assert not host.group("guest").exists
    assert host.file("/var/lib/guest/data").exists
    assert player.role(name="guest", state="absent").changed == []
    for name in NAMES:
        assert host.service(name).is_running


def test_what_the_role_made_goes_with_the_account(host: Host, player: Player) -> None:
    given = {"name": "brief", "src": str(SERVICES / "speaker.py"), "command": "python speaker.py x"}
    player.role(**given).succeeded()
    assert host.user("brief").exists
    player.role(name="brief", state="absent").succeeded()
    assert not host.user("brief").exists
    assert not host.group("brief").exists
    assert not host.file("/opt/brief").exists
