"""`notify()` speaks the protocol of sd_notify(3)."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from systemd_handler import notify


@pytest.fixture
def manager() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(10)
        yield manager


@pytest.fixture
def listening(
    manager: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> socket.socket:
    manager.bind(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    return manager


def test_fields_are_one_datagram_of_lines(listening: socket.socket) -> None:
    assert notify(READY=1, STATUS="Grüße", MAINPID=42) is True
    assert listening.recv(4096).decode() == "READY=1\nSTATUS=Grüße\nMAINPID=42"


def test_a_status_that_is_no_unicode_is_sent_all_the_same(listening: socket.socket) -> None:
    notify(STATUS="file \udcff is missing")
    assert listening.recv(4096) == b"STATUS=file \\udcff is missing"


def test_true_is_one(listening: socket.socket) -> None:
    notify(READY=True)
    assert listening.recv(4096) == b"READY=1"


def test_an_abstract_address_works(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"systemd-handler-test-{uuid.uuid4()}"
    manager.bind(f"\0{name}")
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    assert notify(WATCHDOG=1) is True
    assert manager.recv(4096) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", [None, ""])
def test_without_a_manager_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    if address is None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    else:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert notify(READY=1) is False


@pytest.mark.parametrize("value", ["one\nREADY=1", "one\0two"])
def test_a_value_cannot_bring_a_field_along(listening: socket.socket, value: str) -> None:
    with pytest.raises(ValueError, match="STATUS must not contain a newline or NUL"):
        notify(STATUS=value)


@pytest.mark.parametrize("name", ["ready", "READY=1\nSTATUS", ""])
def test_a_name_that_no_manager_knows_is_refused(listening: socket.socket, name: str) -> None:
    with pytest.raises(ValueError, match="names are in upper case"):
        notify(**{name: 1})


def test_bad_fields_are_refused_without_a_manager_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    with pytest.raises(ValueError, match="needs a field"):
        notify()


def test_a_manager_that_is_gone_is_an_os_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    with pytest.raises(FileNotFoundError):
        notify(READY=1)


def test_an_address_of_another_family_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "vsock:2:1234")
    with pytest.raises(OSError, match="vsock:2:1234"):
        notify(READY=1)
