"""What ``script/build`` makes does its work from wherever it is installed."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import ansible_mitogen
import pytest
from lab import PROJECT, hosts
from lab.commands import LabError, check
from lab.hosts import Host

HOST = "installed-debian-12"
TOOLS = Path(sys.executable).parent

SERVICE = """\
import logging
import signal

logging.warning("up and speaking")
signal.pause()
"""

PLAY = """\
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: {role}
      vars:
        python_service_name: {name}
        python_service_src: service
        python_service_command: python main.py
        python_service_requirements: [systemd-handler]
        python_service_wheelhouse: wheelhouse
        python_service_settle: 0
"""


@pytest.fixture(scope="module", autouse=True)
def host() -> Iterator[None]:
    hosts.up(HOST)
    yield
    hosts.down(HOST)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("dist")
    check([PROJECT / "script" / "build", target])
    return target


def install_role(dist: Path, folder: Path) -> None:
    archive = f"file://{dist}/python_service.tar.gz"
    install: list[str | Path] = [
        TOOLS / "ansible-galaxy",
        "role",
        "install",
        "--roles-path",
        folder / "roles",
    ]
    check([*install, archive])


def install_collection(dist: Path, folder: Path) -> None:
    [archive] = dist.glob("pyservice-python_service-*.tar.gz")
    install: list[str | Path] = [TOOLS / "ansible-galaxy", "collection", "install", "--offline"]
    command = [*install, "--collections-path", folder, archive]
    check(command, variables={"HOME": str(folder)})


ROLE = "python_service"
COLLECTED_ROLE = "pyservice.python_service.python_service"


@pytest.fixture
def folder(dist: Path, tmp_path: Path) -> Path:
    """A folder with a service to deploy, and no way to deploy it yet."""
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "main.py").write_text(SERVICE)
    (tmp_path / "wheelhouse").mkdir()
    for wheel in dist.glob("*.whl"):
        shutil.copy(wheel, tmp_path / "wheelhouse")
    return tmp_path


def play(folder: Path, role: str, name: str, *, mitogen: bool) -> str:
    """Deploy the service in the folder by what is installed there; Ansible's output."""
    (folder / "play.yml").write_text(PLAY.format(role=role, name=name))
    # Mitogen has a way of its own for connections that it knows by their short names.
    connection = "docker" if mitogen else "community.docker.docker"
    (folder / "inventory").write_text(f"{HOST} ansible_connection={connection}\n")
    environment = {
        "HOME": str(folder),
        "ANSIBLE_COLLECTIONS_PATH": str(folder),
        "ANSIBLE_DEPRECATION_WARNINGS": "false",
    }
    if mitogen:
        [package] = ansible_mitogen.__path__
        environment["ANSIBLE_STRATEGY_PLUGINS"] = f"{package}/plugins/strategy"
        environment["ANSIBLE_STRATEGY"] = "mitogen_linear"
    command: list[str | Path] = [TOOLS / "ansible-playbook", "-i", "inventory", "play.yml"]
    return check(command, directory=folder, variables=environment)


def changed(output: str) -> int:
    found = re.search(rf"^{HOST} .*changed=(\d+) .*failed=0", output, re.MULTILINE)
    assert found, output
    return int(found[1])


@pytest.mark.parametrize(
    ("install", "role", "mitogen"),
    [
        pytest.param(install_role, ROLE, False, id="role"),
        pytest.param(install_collection, COLLECTED_ROLE, False, id="collection"),
        pytest.param(install_collection, COLLECTED_ROLE, True, id="collection-with-mitogen"),
    ],
)
def test_a_service_is_deployed_once_by_what_was_installed(
    install: Callable[[Path, Path], None], role: str, mitogen: bool, dist: Path, folder: Path
) -> None:
    name = f"{install.__name__}{mitogen:d}".replace("_", "-")
    install(dist, folder)

    def process() -> str:
        return Host(HOST).check("systemctl", "show", "--property", "MainPID,ActiveState", name)

    assert changed(play(folder, role, name, mitogen=mitogen)) > 0
    first = process()
    assert "ActiveState=active" in first
    journal = Host(HOST).check(
        "journalctl", "--unit", name, "--priority", "warning", "--output", "cat"
    )
    assert "up and speaking" in journal

    assert changed(play(folder, role, name, mitogen=mitogen)) == 0
    assert process() == first


def test_the_role_says_that_mitogen_needs_the_collection(dist: Path, folder: Path) -> None:
    install_role(dist, folder)
    with pytest.raises(LabError, match="use the collection pyservice"):
        play(folder, ROLE, "refused", mitogen=True)


def test_the_wheels_package_logs(dist: Path, tmp_path: Path) -> None:
    [wheel] = dist.glob("*.whl")
    pip = (sys.executable, "-m", "pip", "install", "--no-index", "--quiet", "--target")
    check([*pip, tmp_path / "site", wheel])
    Host(HOST).check("rm", "-rf", "/opt/wheel")
    Host(HOST).copy(tmp_path / "site", "/opt/wheel")
    program = (
        "import logging, systemd_handler\n"
        "systemd_handler.install()\n"
        "logging.getLogger('shop').error('sold\\nout')\n"
    )
    Host(HOST).check(
        *("systemd-run", "--unit=wheel", "--wait", "--collect", "--setenv=PYTHONPATH=/opt/wheel"),
        *("python3", "-c", program),
    )
    entries = Host(HOST).check(
        "journalctl", "--unit=wheel", "--output=json", "--identifier=python3"
    )
    found = [json.loads(line) for line in entries.splitlines()]
    assert [(one["PRIORITY"], one["MESSAGE"]) for one in found] == [("3", r"shop: sold\nout")]
