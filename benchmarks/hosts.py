"""The hosts of a benchmark: containers that Ansible reaches over SSH, as it reaches real ones."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

PROJECT = Path(__file__).resolve().parent.parent
_RECAP = re.compile(r"^(\S+) +: ok=\d+ +changed=(\d+) +unreachable=\d+ +failed=\d+", re.MULTILINE)
# What the ssh connection says at -vvv: a command that is run there, a file that is sent there.
_CALL = re.compile(r"^<[^>]+> SSH: EXEC ssh ", re.MULTILINE)
_TRANSFER = re.compile(r"^<[^>]+> PUT ", re.MULTILINE)


class Run(NamedTuple):
    """A run of ansible-playbook that succeeded: wall time, and changed tasks by host."""

    seconds: float
    changed: dict[str, int]
    output: str

    @property
    def calls(self) -> int:
        """Commands that were run over SSH; known where the run had ``-vvv``."""
        return len(_CALL.findall(self.output))

    @property
    def transfers(self) -> int:
        """Files that were sent over SSH; known where the run had ``-vvv``."""
        return len(_TRANSFER.findall(self.output))


class Hosts:
    """Containers by name, whose root is let in by a key that is made for them.

    ``directory`` is empty and private; key, known hosts, inventory and Ansible's
    connections go there.
    """

    def __init__(self, names: list[str], directory: Path) -> None:
        self.names = names
        self._directory = directory
        self._inventory = directory / "inventory.yml"
        key = directory / "id_ed25519"
        known = directory / "known_hosts"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        addresses = {name: self.on(name, "hostname", "-i").split()[0] for name in names}
        for name in names:
            self._let_in(name, key.with_suffix(".pub").read_text())
        known.write_text(
            "".join(
                f"{address} {self.on(name, 'cat', '/etc/ssh/ssh_host_ed25519_key.pub')}"
                for name, address in addresses.items()
            )
        )
        inventory = {
            "python_service": {
                "hosts": {name: {"ansible_host": address} for name, address in addresses.items()},
                "vars": {
                    "ansible_user": "root",
                    "ansible_ssh_private_key_file": str(key),
                    "ansible_ssh_common_args": f"-F none -o IdentitiesOnly=yes"
                    f" -o UserKnownHostsFile={known}",
                },
            }
        }
        # JSON is YAML as well.
        self._inventory.write_text(json.dumps(inventory, indent=2))

    def on(self, name: str, *command: str) -> str:
        """Output of a command that is run in the container, past SSH and Ansible.

        Raises `subprocess.CalledProcessError` when it fails.
        """
        return subprocess.run(
            ["docker", "exec", name, *command], stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    def show(self, name: str, unit: str, field: str) -> str:
        """A property of a service as systemd has it."""
        return self.on(
            name, "systemctl", "show", "--value", "--property", field, f"{unit}.service"
        ).strip()

    def connect(self, names: list[str]) -> None:
        """Have the connection open that the next play uses; it stays so for a minute."""
        self._ansible("ansible", names, "python_service", "-m", "ansible.builtin.raw", "-a", "true")

    def play(
        self, playbook: Path, names: list[str], variables: dict[str, Any], *options: str
    ) -> Run:
        """Run a playbook on some of the hosts, all of them at once.

        Ends the program with Ansible's output when it fails.
        """
        started = time.perf_counter()
        output = self._ansible(
            "ansible-playbook", names, "-e", json.dumps(variables), *options, str(playbook)
        )
        seconds = time.perf_counter() - started
        changed = {name: int(count) for name, count in _RECAP.findall(output)}
        return Run(seconds, changed, output)

    def _ansible(self, program: str, names: list[str], *arguments: str) -> str:
        command = [
            str(Path(sys.executable).with_name(program)),
            *("--inventory", str(self._inventory)),
            *("--limit", ",".join(names)),
            *("--forks", str(len(names))),
            *arguments,
        ]
        # The project's own configuration, and nothing of the user's.
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")
        }
        environment["ANSIBLE_CONFIG"] = str(PROJECT / "ansible.cfg")
        environment["ANSIBLE_SSH_CONTROL_PATH_DIR"] = str(self._directory / "cp")
        result = subprocess.run(
            command,
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            sys.exit(f"{result.stdout}\n{program} failed with status {result.returncode}")
        return result.stdout

    def _let_in(self, name: str, key: str) -> None:
        subprocess.run(
            [
                *("docker", "exec", "--interactive", name, "sh", "-c"),
                "umask 077 && mkdir -p /root/.ssh && cat >/root/.ssh/authorized_keys",
            ],
            input=key,
            text=True,
            check=True,
        )
