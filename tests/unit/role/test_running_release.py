"""What runs is read from systemd's record of the invocation."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from module_utils import python_service_activate


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def write(*fields: bytes) -> None:
        data = b"".join(struct.pack("<Q", len(field)) + field for field in fields)
        (tmp_path / "log-extra-fields:demo.service").write_bytes(data)

    monkeypatch.setattr(python_service_activate, "SYSTEMD_RECORDS", str(tmp_path))
    return write


def running() -> str | None:
    return python_service_activate.running_release("demo.service")


def test_the_release_is_found_among_other_fields(record: Callable[..., None]) -> None:
    record(b"A=1", b"PYTHON_SERVICE_RELEASE=3f2a", b"B=\n\0")
    assert running() == "3f2a"


def test_a_field_with_a_similar_name_is_not_it(record: Callable[..., None]) -> None:
    record(b"X_PYTHON_SERVICE_RELEASE=3f2a")
    assert running() is None


def test_nothing_runs_without_a_record(record: Callable[..., None]) -> None:
    assert running() is None
