from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.fake import FakeHost, fake_host


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A source with a bit of everything that a release can hold."""
    root = tmp_path / "source"
    (root / "package" / "empty").mkdir(parents=True)
    (root / "main.py").write_text("print()\n")
    (root / "package" / "data").write_bytes(b"\0" * 100)
    (root / "nothing").touch()
    (root / "run").write_text("#!/bin/sh\n")
    (root / "run").chmod(0o700)
    (root / "link").symlink_to("package/data")
    (root / "up").mkdir()
    (root / "up" / "link").symlink_to("../main.py")
    for name in (b"two words", b"quote'\"", b"new\nline", b"not-utf8-\xff", "é漢".encode()):
        (Path(os.fsdecode(os.fsencode(root) + b"/" + name))).write_bytes(name)
    return root


@pytest.fixture
def host() -> Iterator[FakeHost]:
    """A host that is a directory, on which the role's modules work."""
    with fake_host() as host:
        yield host


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """One that every account can enter, as those of pytest cannot be."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)
