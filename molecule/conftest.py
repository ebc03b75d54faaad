"""What the tests of all scenarios share: the journal as a person reads it, and runs of playbooks."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from pathlib import Path
from typing import Any, Callable, NamedTuple

import pytest
import testinfra
import yaml
from testinfra.host import Host

PROJECT = Path(__file__).resolve().parent.parent


class Run(NamedTuple):
    """A run of ansible-playbook: its output, and its results task by task."""

    status: int
    output: str
    tasks: list[tuple[str, dict[str, Any]]]

    @property
    def changed(self) -> list[str]:
        """Names of the tasks that changed something, without the role's name."""
        return [name for name, result in self.tasks if result.get("changed")]

    @property
    def message(self) -> str:
        """Message of the task that failed."""
        return "\n".join(
            str(result["msg"])
            for _, result in self.tasks
            if result.get("failed") and "msg" in result
        )

    def succeeded(self) -> Run:
        """The run itself, or a failed test with what the run said."""
        if self.status != 0:
            pytest.fail(self.message or self.output)
        return self


class Player:
    """Runs playbooks against one host of the scenario, as its users do."""

    def __init__(self, host: str, directory: Path) -> None:
        self.host = host
        self._directory = directory

    def play(self, tasks: list[dict[str, Any]], *options: str, **variables: Any) -> Run:
        """Run ``tasks`` in one play with ``variables`` as the host's."""
        play = {
            "hosts": "all",
            "gather_facts": False,
            "vars": variables,
            "tasks": tasks,
        }
        playbook = self._directory / "playbook.yml"
        playbook.write_text(yaml.safe_dump([play], sort_keys=False))
        return self.playbook(playbook, *options)

    def role(self, *options: str, **variables: Any) -> Run:
        """Run the role once; variables are given without their prefix."""
        named = {f"python_service_{name}": value for name, value in variables.items()}
        return self.play(
            [{"ansible.builtin.include_role": {"name": "python_service"}}], *options, **named
        )

    def playbook(self, playbook: Path, *options: str) -> Run:
        command = ["ansible-playbook", "--inventory", os.environ["MOLECULE_INVENTORY_FILE"]]
        command += ["--limit", self.host, *options, str(playbook)]
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
            "ANSIBLE_ROLES_PATH": str(PROJECT / "roles"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        }
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
        begin = result.stdout.find("{")
        report = json.loads(result.stdout[begin:]) if begin >= 0 else {"plays": []}
        tasks = [
            (task["task"]["name"].rpartition(" : ")[2], hosts)
            for play in report["plays"]
            for task in play["tasks"]
            for hosts in task["hosts"].values()
        ]
        return Run(result.returncode, result.stdout + result.stderr, tasks)


class Service:
    """A service on a host: its journal, its state and its main process."""

    def __init__(self, host: Host, name: str) -> None:
        self.host = host
        self.name = name

    def show(self, *properties: str) -> dict[str, str]:
        output = self.host.check_output(
            f"systemctl show --property {','.join(properties)} {self.name}.service"
        )
        return dict(line.split("=", 1) for line in output.splitlines())

    @property
    def pid(self) -> int:
        return int(self.show("MainPID")["MainPID"])

    def journal(self, *matches: str) -> list[dict[str, Any]]:
        """All entries that the service's own processes wrote, oldest first."""
        words = [f"_SYSTEMD_UNIT={self.name}.service", *matches]
        self.host.check_output("journalctl --sync")
        output = self.host.check_output(
            "journalctl --output json --all --no-pager --quiet " + shlex.join(words)
        )
        return [json.loads(line) for line in output.splitlines()]

    def entries(self, text: str) -> list[dict[str, Any]]:
        """Entries whose message holds ``text``."""
        return [entry for entry in self.journal() if text in str(entry["MESSAGE"])]

    def eventually(self, holds: Callable[[], Any], seconds: float = 30) -> Any:
        """Wait until ``holds()`` is true; its value, or a failed test with the journal's end."""
        deadline = time.monotonic() + seconds
        while True:
            value = holds()
            if value:
                return value
            if time.monotonic() > deadline:
                tail = self.host.check_output(f"journalctl -u {self.name} -n 30 --no-pager")
                pytest.fail(f"did not come true within {seconds} s; the journal ends with:\n{tail}")
            time.sleep(0.25)


@pytest.fixture(scope="module")
def host(_testinfra_host: Host) -> Host:
    """The host without Ansible between: a command takes a tenth of the time."""
    return testinfra.get_host(f"docker://{_name(_testinfra_host)}")


@pytest.fixture
def player(_testinfra_host: Host, tmp_path: Path) -> Player:
    return Player(_name(_testinfra_host), tmp_path)


def _name(host: Host) -> str:
    return str(host.backend.get_pytest_id()).rpartition("://")[2]


@pytest.fixture(scope="module")
def service(host: Host) -> Callable[[str], Service]:
    def named(name: str) -> Service:
        return Service(host, name)

    return named
