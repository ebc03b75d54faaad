"""Fixtures for the tests of the demo service."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo_process import DemoProcess, Manager


@pytest.fixture
def start() -> Iterator[Callable[..., DemoProcess]]:
    """Start the service with variables of the environment; it ends with the test."""
    started: list[DemoProcess] = []

    def start(listener: socket.socket | None = None, **environment: str) -> DemoProcess:
        started.append(DemoProcess(environment, listener))
        return started[-1]

    yield start
    for process in started:
        process.close()


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoProcess]:
    """One service for the tests of a module that leave it as it was."""
    process = DemoProcess({"DEMO_LOG_LEVEL": "DEBUG", "PYTHON_SERVICE_RELEASE": "<b>7</b>"})
    yield process
    process.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """What listens at $NOTIFY_SOCKET."""
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.close()
