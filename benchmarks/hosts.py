"""The hosts of a benchmark: containers that Ansible reaches over SSH, as it reaches real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab import PROJECT, playbooks
from lab.commands import check
from lab.hosts import Host
from lab.playbooks import Run


class Hosts:
    """Containers by name, whose root is let in by a key that is made for them.

    ``directory`` is empty and private; key, known hosts, inventory and Ansible's
    connections go there.
    """

    def __init__(self, names: list[str], directory: Path) -> None:
        self.names = names
        self._hosts = {name: Host(name) for name in names}
        self._inventory = directory / "inventory.yml"
        self._connections = directory / "cp"
        key = directory / "id_ed25519"
        known = directory / "known_hosts"
        check(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)])
        addresses = {}
        with known.open("w") as file:
            for name, host in self._hosts.items():
                host.shell(
                    "umask 077 && mkdir -p /root/.ssh && cat >/root/.ssh/authorized_keys",
                    text=key.with_suffix(".pub").read_text(),
                )
                addresses[name] = host.check("hostname", "-i").split()[0]
                host_key = host.check("cat", "/etc/ssh/ssh_host_ed25519_key.pub")
                file.write(f"{addresses[name]} {host_key}\n")
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

        Raises `LabError` when it fails.
        """
        return self._hosts[name].check(*command)

    def show(self, name: str, unit: str, field: str) -> str:
        """A property of a service as systemd has it."""
        return self.on(name, "systemctl", "show", "--value", "--property", field, f"{unit}.service")

    def connect(self, names: list[str]) -> None:
        """Have the connection open that the next play uses; it stays so for a minute."""
        self._run("ansible", names, "python_service", "-m", "ansible.builtin.raw", "-a", "true")

    def play(
        self, playbook: Path, names: list[str], variables: dict[str, Any], *options: str
    ) -> Run:
        """Run a playbook on some of the hosts, all of them at once; `LabError` when it fails."""
        return self._run(
            "ansible-playbook", names, "-e", json.dumps(variables), *options, str(playbook)
        )

    def deploy(self, on: str = "", **variables: Any) -> Run:
        """Deploy a service to one host, or all; variables of the role are given without their prefix."""
        named = {f"python_service_{name}": value for name, value in variables.items()}
        names = [on] if on else self.names
        return self.play(PROJECT / "playbooks" / "deploy.yml", names, named)

    def _run(self, program: str, names: list[str], *arguments: str) -> Run:
        options = ("--limit", ",".join(names), "--forks", str(len(names)))
        return playbooks.run(
            program,
            self._inventory,
            *options,
            *arguments,
            variables={"ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._connections)},
        ).succeeded()
