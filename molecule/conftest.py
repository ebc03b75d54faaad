"""What the scenarios' tests share: the hosts that Molecule started, and services on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import testinfra
from lab.deploys import Player, Service
from testinfra.host import Host


@pytest.fixture(scope="module")
def host_name(_testinfra_host: Host) -> str:
    return str(_testinfra_host.backend.get_pytest_id()).rpartition("://")[2]


@pytest.fixture(scope="module")
def host(host_name: str) -> Host:
    """The host without Ansible between: a command takes a tenth of the time."""
    return testinfra.get_host(f"docker://{host_name}")


@pytest.fixture
def player(host_name: str, tmp_path: Path) -> Player:
    return Player(host_name, tmp_path)


@pytest.fixture(scope="module")
def service(host: Host) -> Callable[[str], Service]:
    def named(name: str) -> Service:
        return Service(host, name)

    return named
