"""What an older version of the role deployed is taken over, into its sandbox."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import PROJECT, hosts
from lab.commands import check
from lab.hosts import Host

HOST = "takeover-debian-12"
TOOLS = Path(sys.executable).parent
#: The role of every version before this one: what it did on a host is to be taken over.
OLD_ROLES = sorted((Path(__file__).parent / "data").glob("role-before-*.tar.gz"))

PROGRAM = """
import http.server, os
from systemd_handler import install, notify

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"VERSION")

install()
server = http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
notify(READY=1)
server.serve_forever()
"""


class Service:
    """A service of the host that any version of the role deploys."""

    def __init__(self, host: Host, old_roles: Path, directory: Path) -> None:
        self.host = host
        self._old_roles = old_roles
        self._directory = directory
        self._source = directory / "source"
        self._source.mkdir()

    def deploy(self, version: str, *, old: bool = False, **changes: Any) -> dict[str, Any]:
        """Deploy a version of the program; the role's result."""
        (self._source / "main.py").write_text(PROGRAM.replace("VERSION", version))
        variables = {
            "name": "taken",
            "src": str(self._source),
            "command": "python main.py",
            "type": "notify",
            "environment": {"PORT": "9100"},
            "health": {"url": "http://127.0.0.1:9100/"},
            **changes,
        }
        roles = self._old_roles if old else PROJECT / "roles"
        return self._play(roles, {"name": "python_service"}, variables)

    def roll_back(self) -> dict[str, Any]:
        """Go back to the release before; the role's result."""
        role = {"name": "python_service", "tasks_from": "rollback"}
        return self._play(PROJECT / "roles", role, {"name": "taken"})

    def _play(self, roles: Path, role: dict[str, str], variables: dict[str, Any]) -> dict[str, Any]:
        result = self._directory / "result.json"
        result.unlink(missing_ok=True)
        keep = {"content": "{{ python_service_result | default({}) }}", "dest": str(result)}
        play = {
            "hosts": "all",
            "gather_facts": False,
            "vars": {f"python_service_{name}": value for name, value in variables.items()},
            "tasks": [
                {"ansible.builtin.include_role": role},
                {"ansible.builtin.copy": keep, "delegate_to": "localhost"},
            ],
        }
        (self._directory / "play.yml").write_text(json.dumps([play]))
        inventory = f"{self.host.name} ansible_connection=community.docker.docker\n"
        (self._directory / "inventory").write_text(
            f"{inventory}localhost ansible_connection=local"
            f" ansible_python_interpreter={TOOLS / 'python'}\n"
        )
        command: list[str | Path] = [
            TOOLS / "ansible-playbook",
            "-i",
            "inventory",
            "--limit",
            self.host.name,
        ]
        environment = {"ANSIBLE_ROLES_PATH": str(roles)}
        check([*command, "play.yml"], directory=self._directory, variables=environment)
        found: dict[str, Any] = json.loads(result.read_text())
        return found

    @property
    def pid(self) -> str:
        return self.host.check("systemctl", "show", "--value", "--property", "MainPID", "taken")

    def serves(self) -> str:
        program = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9100/').read())"
        return self.host.check("python3", "-c", program)


@pytest.fixture(params=OLD_ROLES, ids=lambda path: path.name.partition(".tar")[0])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    (tmp_path / "old").mkdir()
    subprocess.run(["tar", "-xzf", request.param, "-C", tmp_path / "old"], check=True)
    yield Service(hosts.up(HOST), tmp_path / "old" / "roles", tmp_path)
    hosts.down(HOST)


def test_a_service_of_an_older_role_is_taken_over(service: Service) -> None:
    service.deploy("one", old=True)
    old = service.deploy("two", old=True)["release"]

    # A sandbox is one only from a start on, in which the program is proven.
    taken = service.deploy("two")
    assert (taken["restarted"], taken["previous"]) == (True, old)
    pid = service.pid
    assert service.deploy("two")["changed"] is False
    assert service.pid == pid

    # Back to what the older role deployed, and on from there.
    service.roll_back()
    assert service.serves() == "b'two'"
    service.roll_back()
    assert service.serves() == "b'one'"
    service.deploy("three")
    assert service.serves() == "b'three'"

    left = set(service.host.check("ls", "-A", "/opt/taken").split())
    assert left == {"releases", "environments", "current", "run", "history.jsonl"}
    service.deploy("three", state="absent", remove_data=True)
    units = service.host.check(
        "sh", "-c", "ls -A /etc/systemd/system /opt /var/lib/python_service.d"
    )
    assert "taken" not in units


def test_a_service_that_an_older_role_left_stopped_stays_so_and_starts_again(
    service: Service,
) -> None:
    service.deploy("one", old=True)
    service.deploy("one", old=True, state="stopped", enabled=False)
    service.deploy("one", state="stopped", enabled=False)
    assert service.pid == "0"
    assert service.deploy("one", state="stopped", enabled=False)["changed"] is False
    service.deploy("one")
    assert service.serves() == "b'one'"
