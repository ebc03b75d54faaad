"""What was unpacked once serves every venv of the host, and goes with the last of them."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host import python, store
from python_service.module_utils.python_service.host.store import Store
from python_service.module_utils.python_service.host.unpacking import Place, Unpacked
from python_service.module_utils.python_service.layout import Layout
from test_unpacking import PACKAGES, make


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    # Waits for all the disks of the machine that the tests run on.
    monkeypatch.setattr(os, "sync", lambda: None)
    return Layout("/opt", "demo", str(tmp_path / "host"))


def opened(layout: Layout) -> Store:
    found = python.find_python(os.path.realpath(sys.executable))
    assert found
    return Store(layout, found, PACKAGES)


def wheel(directory: Path, text: str = "SHOP = 1\n") -> dict[str, str]:
    """A wheel by its digest."""
    directory.mkdir(exist_ok=True)
    path = Path(make(directory, {"shop.py": text}))
    return {hashlib.sha256(path.read_bytes()).hexdigest(): str(path)}


def entries(layout: Layout) -> list[Path]:
    return sorted(Path(layout.wheels).glob("*/*"))


def add(layout: Layout, directory: Path, text: str = "SHOP = 1\n") -> Unpacked:
    (found,) = opened(layout).add(wheel(directory, text))
    return found


def test_it_is_unpacked_and_compiled_once(layout: Layout, tmp_path: Path) -> None:
    first = add(layout, tmp_path / "wheel")
    (path,) = (path for path in first.files if path.endswith(".pyc"))
    assert path == importlib.util.cache_from_source(f"{PACKAGES}/shop.py")
    compiled = Path(first.directory, first.files[path])
    inode = compiled.stat().st_ino
    again = add(Layout("/opt", "other", layout.host), tmp_path / "wheel")
    assert again == first
    assert compiled.stat().st_ino == inode


def test_nobody_but_root_enters_it(layout: Layout, tmp_path: Path) -> None:
    add(layout, tmp_path / "wheel")
    assert os.stat(layout.wheels).st_mode & 0o777 == 0o700


def test_what_others_can_write_is_refused(layout: Layout, tmp_path: Path) -> None:
    add(layout, tmp_path / "wheel")
    os.chmod(os.path.dirname(layout.wheels), 0o777)
    with pytest.raises(ServiceError, match=f"others than root.* remove {layout.wheels}, and"):
        opened(layout)


def truncate(path: Path) -> None:
    os.truncate(path, 2)


def overwrite(path: Path) -> None:
    """By something of the same length, as through a link in a venv."""
    path.write_text("SHOP = 2\n")


def let_others_write(path: Path) -> None:
    path.chmod(0o666)


@pytest.mark.parametrize("damage", [truncate, overwrite, os.unlink, let_others_write])
def test_what_is_damaged_is_found_and_made_anew(
    layout: Layout, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    made = add(layout, tmp_path / "wheel")
    (digest,) = wheel(tmp_path / "wheel")
    path = Path(made.directory, made.files[f"{PACKAGES}/shop.py"])
    while time.time_ns() <= path.stat().st_mtime_ns:  # the resolution of the clock
        time.sleep(0.001)
    damage(path)
    assert opened(layout).find(digest) is None
    add(layout, tmp_path / "wheel")
    assert path.read_text() == "SHOP = 1\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert opened(layout).find(digest)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": {}}', '{"files": {}, "x": 1}'])
def test_an_entry_whose_own_file_is_damaged(layout: Layout, tmp_path: Path, text: str) -> None:
    add(layout, tmp_path / "wheel")
    (entry,) = entries(layout)
    (entry / "entry.json").write_text(text)
    assert opened(layout).find(entry.name) is None
    add(layout, tmp_path / "wheel")
    assert opened(layout).find(entry.name)


def test_what_was_cut_off_is_no_entry(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        """As by a signal, of which no code hears."""

    def killed() -> None:
        raise KilledError

    with monkeypatch.context() as context:
        context.setattr(os, "sync", killed)
        with pytest.raises(KilledError):
            add(layout, tmp_path / "wheel")
    (digest,) = wheel(tmp_path / "wheel")
    assert opened(layout).find(digest) is None
    add(layout, tmp_path / "wheel")
    assert [path.name for path in entries(layout)] == [digest]


def test_what_no_venv_has_a_file_of_is_removed(layout: Layout, tmp_path: Path) -> None:
    kept = add(layout, tmp_path / "kept")
    add(layout, tmp_path / "gone", "SHOP = 2\n")
    Place(str(tmp_path / "venv"), sys.executable).put(kept)
    store.prune(layout)
    assert [path.name for path in entries(layout)] == list(wheel(tmp_path / "kept"))
    shutil.rmtree(tmp_path / "venv")
    store.prune(layout)
    assert not os.path.lexists(os.path.dirname(layout.wheels))
    store.prune(layout)


def test_nothing_is_removed_while_somebody_makes_a_venv(layout: Layout, tmp_path: Path) -> None:
    with store.in_use(layout):
        add(layout, tmp_path / "wheel")
        store.prune(Layout("/opt", "other", layout.host))
        assert entries(layout)
    store.prune(layout)
    assert not entries(layout)
