"""The source of a release: what is shipped, what stays behind, what is refused."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.source import scan, short_text


def test_the_digest_is_of_content_alone(tree: Path) -> None:
    before = scan(str(tree)).digest
    os.utime(tree / "main.py", (1, 1))
    (tree / "main.py").chmod(0o666)
    assert scan(str(tree)).digest == before


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: (tree / "main.py").write_text("print(1)\n"),
        lambda tree: (tree / "main.py").rename(tree / "other.py"),
        lambda tree: (tree / "main.py").chmod(0o755),
        lambda tree: (tree / "package" / "empty").rmdir(),
        lambda tree: (tree / "another").mkdir(),
        lambda tree: ((tree / "link").unlink(), (tree / "link").symlink_to("main.py")),
    ],
    ids=["content", "name", "executable", "directory-gone", "directory-new", "link"],
)
def test_any_change_changes_the_digest(tree: Path, change: Callable[[Path], object]) -> None:
    before = scan(str(tree)).digest
    change(tree)
    assert scan(str(tree)).digest != before


def test_fields_cannot_be_shifted_into_one_another(tmp_path: Path) -> None:
    digests = set()
    for name, target in (("ab", "c"), ("a", "bc")):
        root = tmp_path / name
        root.mkdir()
        (root / "file").touch()
        (root / name).symlink_to(target)
        digests.add(scan(str(root)).digest)
    assert len(digests) == 2


def test_what_is_excluded_stays_behind(tree: Path) -> None:
    (tree / "package" / "__pycache__").mkdir()
    (tree / "package" / "__pycache__" / "a.pyc").touch()
    (tree / "docs" / "build").mkdir(parents=True)
    (tree / "docs" / "build" / "page").touch()
    (tree / "build").touch()
    paths = {entry.path for entry in scan(str(tree), ["__pycache__", "docs/build"]).entries}
    assert not any("__pycache__" in path or path.startswith("docs/build") for path in paths)
    assert {"build", "docs", "package"} <= paths


def test_a_virtual_environment_stays_behind_whatever_its_name(tree: Path) -> None:
    (tree / "package" / "mine").mkdir()
    (tree / "package" / "mine" / "pyvenv.cfg").touch()
    (tree / "package" / "mine" / "big").touch()
    assert not any("mine" in entry.path for entry in scan(str(tree)).entries)


def test_one_file_is_a_source(tree: Path) -> None:
    (entry,) = scan(str(tree / "main.py")).entries
    assert entry.path == "main.py"


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "package/../../outside", ".."])
def test_a_link_that_leaves_the_source_is_refused_by_name(tree: Path, target: str) -> None:
    (tree / "package" / "../bad").symlink_to(target)
    with pytest.raises(ServiceError, match=r"bad is a symbolic link to .*leaves the source"):
        scan(str(tree))


def test_a_link_that_leaves_by_way_of_another_is_refused(tree: Path) -> None:
    (tree / "package" / "empty" / "top").symlink_to("../..")
    (tree / "sly").symlink_to("package/empty/top/..")
    with pytest.raises(ServiceError, match="sly is a symbolic link"):
        scan(str(tree))


def test_what_is_no_file_is_refused_by_name(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(ServiceError, match=r"/pipe is a pipe; remove it or exclude it"):
        scan(str(tree))
    scan(str(tree), ["pipe"])


def test_a_socket_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("door")
        with pytest.raises(ServiceError, match="/door is a socket"):
            scan(str(tmp_path))


def test_a_device_is_refused() -> None:
    with pytest.raises(ServiceError, match="neither a directory nor a file"):
        scan("/dev/null")


def test_a_missing_source_and_an_empty_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="does not exist"):
        scan(str(tmp_path / "none"))
    (tmp_path / "directory").mkdir()
    with pytest.raises(ServiceError, match="contains no file"):
        scan(str(tmp_path))


def test_what_cannot_be_read_is_named(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.listdir

    def forbidden(path: str) -> list[str]:
        if path.endswith("package"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "listdir", forbidden)
    with pytest.raises(ServiceError, match="/source/package cannot be read: Permission denied"):
        scan(str(tree))


def test_a_file_that_goes_while_it_is_scanned_is_named(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: [*real(path), "gone.py"])
    with pytest.raises(ServiceError, match=r"gone\.py cannot be read: No such file"):
        scan(str(tree))


def test_a_link_to_a_source_is_followed_and_one_to_a_file_keeps_its_name(tree: Path) -> None:
    (tree.parent / "latest").symlink_to("source")
    assert scan(str(tree.parent / "latest")).digest == scan(str(tree)).digest
    (tree.parent / "start.py").symlink_to("source/main.py")
    (entry,) = scan(str(tree.parent / "start.py")).entries
    assert entry.path == "start.py"


def test_a_source_of_nothing_but_what_is_excluded_is_refused(tmp_path: Path) -> None:
    (tmp_path / "main.pyc").touch()
    with pytest.raises(ServiceError, match="contains no file that is not excluded"):
        scan(str(tmp_path), ["*.pyc"])
    assert scan(str(tmp_path), ["*.pyc"], may_be_empty=True).entries == ()


@pytest.mark.parametrize("pattern", ["docs/", "./docs", "docs", "./docs/"])
def test_a_directory_is_excluded_however_its_path_is_written(tree: Path, pattern: str) -> None:
    (tree / "docs").mkdir()
    (tree / "docs" / "page").touch()
    assert not any(entry.path.startswith("docs") for entry in scan(str(tree), [pattern]).entries)


def test_files_go_by_names_that_a_terminal_and_json_can_take(tree: Path) -> None:
    (tree / "red\x1b[31m").touch()
    files = scan(str(tree)).files
    assert set(files) == {
        *("main.py", "nothing", "package/data", "run"),
        *("two words", "quote'\"", "new\nline", "é漢", "not-utf8-\\udcff", "red\\x1b[31m"),
    }
    assert files["not-utf8-\\udcff"].path == "not-utf8-\udcff"


def test_only_text_that_is_short_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("é" * 16 * 1024)
    assert short_text(str(file)) == "é" * 16 * 1024
    file.write_text("é" * 16 * 1024 + "x")
    assert short_text(str(file)) is None
    for data in (b"a\0b", b"\xff"):
        file.write_bytes(data)
        assert short_text(str(file)) is None
