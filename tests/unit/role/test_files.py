"""Files of root's: whole or not there, and nothing of somebody else's in their way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host import files


def test_a_file_is_replaced_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    files.write(str(path), "old")
    seen = []
    rename = os.rename

    def look_and_rename(old: str, new: str) -> None:
        seen.append(path.read_text())
        rename(old, new)

    monkeypatch.setattr(os, "rename", look_and_rename)
    files.write(str(path), "new", 0o600)
    assert (seen, path.read_text()) == (["old"], "new")
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["file"]


def test_what_a_run_left_there_is_taken_up(tmp_path: Path) -> None:
    (tmp_path / ".file.new").write_text("half of something that was longer")
    files.write(str(tmp_path / "file"), "new")
    assert (tmp_path / "file").read_text() == "new"
    assert os.listdir(tmp_path) == ["file"]


def test_no_file_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / ".file.new").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic links"):
        files.write(str(tmp_path / "file"), "new")
    assert not (tmp_path / "victim").exists()


def test_text_comes_back_as_it_was(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    files.write(path, "é\udcff\r\n")
    assert Path(path).read_bytes() == b"\xc3\xa9\xff\r\n"
    assert files.read(path) == "é\udcff\r\n"


@pytest.mark.parametrize("path", ["missing", "file/below"])
def test_nothing_is_read_where_nothing_is(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    assert files.read(str(tmp_path / path)) is None
    assert files.names(str(tmp_path / path)) == []


def test_a_link_takes_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "current"
    (tmp_path / ".current.new").symlink_to("left")
    files.link(str(path), "a")
    files.link(str(path), "b")
    assert os.readlink(path) == "b"
    assert os.listdir(tmp_path) == ["current"]


def test_a_directory_has_its_mode_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    umask = os.umask(0o077)
    try:
        files.make_directory(str(path), 0o750)
    finally:
        os.umask(umask)
    assert [one.stat().st_mode & 0o777 for one in (path.parent, path)] == [0o755, 0o750]
    files.make_directory(str(path), 0o700)
    assert path.stat().st_mode & 0o777 == 0o700


def test_what_a_link_points_to_is_not_removed_with_it(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "file").touch()
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "tree" / "below").mkdir(parents=True)
    for name in ("link", "tree", "missing"):
        files.remove(str(tmp_path / name))
    assert os.listdir(tmp_path) == ["target"]
    assert (tmp_path / "target" / "file").exists()


def test_a_tree_that_is_deeper_than_python_can_go_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "deep"
    path.mkdir()
    here = os.open(path, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("deeper", dir_fd=here)
        below = os.open("deeper", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    files.remove(str(path))
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_removed_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(tmp_path, "rm").write_text("#!/bin/sh\necho 'log: it is immutable' >&2; exit 1\n")
    Path(tmp_path, "rm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ServiceError, match="cannot be removed: log: it is immutable; mend that"):
        files.remove(str(tmp_path))
