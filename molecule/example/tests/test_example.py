"""inventory.example, copied and not changed, deploys the demo to the host that it names."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from lab import PROJECT
from testinfra.host import Host


@pytest.fixture
def ssh_options(host: Host, tmp_path: Path) -> str:
    """Options that lead SSH to the container as DNS and an agent would, host key checked."""
    directory = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
    address = host.check_output("hostname -i").split()[0]
    key = host.check_output("cat /etc/ssh/ssh_host_ed25519_key.pub")
    known = tmp_path / "known_hosts"
    known.write_text(f"web1.example.org {key}\n")
    return (
        f"-o HostName={address} -o HostKeyAlias=web1.example.org -o UserKnownHostsFile={known}"
        f" -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes -i {directory}/id_ed25519"
    )


def deploy(ssh_options: str, tmp_path: Path) -> str:
    inventory = tmp_path / "inventory"
    shutil.copy(PROJECT / "inventory.example", inventory)
    result = subprocess.run(
        ["ansible-playbook", "-i", inventory, "playbooks/deploy.yml", "--limit", "!demo-here"],
        cwd=PROJECT,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
            "ANSIBLE_SSH_COMMON_ARGS": ssh_options,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_both_services_of_the_host_are_deployed(
    host: Host, ssh_options: str, tmp_path: Path
) -> None:
    deploy(ssh_options, tmp_path)
    for name, port in (("demo", 8080), ("demo2", 8081)):
        assert host.service(name).is_running
        assert host.service(name).is_enabled
        assert host.socket(f"tcp://0.0.0.0:{port}").is_listening
    again = deploy(ssh_options, tmp_path)
    assert again.count("changed=0") == 2
