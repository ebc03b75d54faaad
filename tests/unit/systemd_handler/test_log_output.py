"""A descriptor that does not block is waited for, and gets everything in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from systemd_handler import _output

if TYPE_CHECKING:
    from io import FileIO


class Reluctant:
    """A file and a text stream that are full at first and then take three bytes at once."""

    def __init__(self) -> None:
        self.full = True
        self.taken: list[bytes] = []
        self.flushed = False

    def write(self, data: bytes) -> int | None:
        if self.full:
            return None
        self.taken.append(data[:3])
        return len(data[:3])

    def flush(self) -> None:
        if self.full:
            raise BlockingIOError
        self.flushed = True


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch) -> Reluctant:
    """A file that has room once someone waited for it."""

    def wait(file: FileIO) -> None:
        assert isinstance(file, Reluctant)
        file.full = False

    monkeypatch.setattr(_output, "_wait_until_writable", wait)
    return Reluctant()


def test_writing_waits_and_goes_on_where_it_stopped(file: Reluctant) -> None:
    _output.write_whole(file, b"a record")  # type: ignore[arg-type]
    assert file.taken == [b"a r", b"eco", b"rd"]


def test_flushing_waits_and_tries_again(file: Reluctant) -> None:
    _output.flush_whole(file, file)  # type: ignore[arg-type]
    assert file.flushed
