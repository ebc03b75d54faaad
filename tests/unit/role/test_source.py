"""The source of a release: what is shipped, what stays behind, what is refused."""

from __future__ import annotations

import io
import os
import socket
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from module_utils.python_service_source import Source, SourceError, pack, scan, unpack


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


def ship(source: Source, target: Path) -> Path:
    """Pack a source and unpack it, as a deploy does."""
    archive = target.parent / "archive.tar.gz"
    with archive.open("wb") as file:
        pack({"app": source}, {}, file)
    target.mkdir()
    unpack(str(archive), str(target))
    return target / "app"


def archive_of(path: Path, *members: tarfile.TarInfo) -> str:
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return str(path)


def member(name: str, kind: bytes = tarfile.REGTYPE, linkname: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, linkname
    info.size = 1 if kind == tarfile.REGTYPE else 0
    return info


def test_what_arrives_is_what_was_sent(tree: Path, tmp_path: Path) -> None:
    source = scan(str(tree))
    arrived = ship(source, tmp_path / "target")
    assert scan(str(arrived)).entries == source.entries
    assert (arrived / "main.py").read_text() == "print()\n"
    assert os.readlink(arrived / "up" / "link") == "../main.py"
    assert list((arrived / "package" / "empty").iterdir()) == []


def test_modes_are_readable_for_all_and_writable_for_the_owner(tree: Path, tmp_path: Path) -> None:
    for path in tree.rglob("*"):
        if not path.is_symlink() and path.is_file():
            path.chmod(0o700 if path.name == "run" else 0o600)
    before = os.umask(0o077)
    try:
        arrived = ship(scan(str(tree)), tmp_path / "target")
    finally:
        os.umask(before)
    for path in arrived.rglob("*"):
        if not path.is_symlink():
            executable = path.is_dir() or path.name == "run"
            assert stat.S_IMODE(path.stat().st_mode) == (0o755 if executable else 0o644)


def test_times_are_kept_since_etags_are_made_of_them(tree: Path, tmp_path: Path) -> None:
    os.utime(tree / "main.py", (1_000_000_000, 1_000_000_000))
    arrived = ship(scan(str(tree)), tmp_path / "target")
    assert (arrived / "main.py").stat().st_mtime == 1_000_000_000


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
    with pytest.raises(SourceError, match=r"bad is a symbolic link to .*leaves the source"):
        scan(str(tree))


def test_a_link_that_leaves_by_way_of_another_is_refused(tree: Path) -> None:
    (tree / "package" / "empty" / "top").symlink_to("../..")
    (tree / "sly").symlink_to("package/empty/top/..")
    with pytest.raises(SourceError, match="sly is a symbolic link"):
        scan(str(tree))


def test_what_is_no_file_is_refused_by_name(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(SourceError, match=r"/pipe is a pipe; take it away or exclude it"):
        scan(str(tree))
    scan(str(tree), ["pipe"])


def test_a_socket_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("door")
        with pytest.raises(SourceError, match="/door is a socket"):
            scan(str(tmp_path))


def test_a_device_is_refused() -> None:
    with pytest.raises(SourceError, match="neither a directory nor a file"):
        scan("/dev/null")


def test_a_missing_source_and_an_empty_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        scan(str(tmp_path / "none"))
    (tmp_path / "directory").mkdir()
    with pytest.raises(SourceError, match="holds no file"):
        scan(str(tmp_path))


@pytest.mark.parametrize("content", ["print(2)\n", "longer than before\n", ""])
def test_a_file_that_changes_while_it_is_packed_is_refused(
    tree: Path, tmp_path: Path, content: str
) -> None:
    source = scan(str(tree))
    (tree / "main.py").write_text(content)
    with pytest.raises(SourceError, match=r"main\.py changed while it was packed"):
        ship(source, tmp_path / "target")


def test_a_file_that_goes_while_it_is_packed_is_refused(tree: Path, tmp_path: Path) -> None:
    source = scan(str(tree))
    (tree / "main.py").unlink()
    with pytest.raises(SourceError, match=r"main\.py changed while it was packed"):
        ship(source, tmp_path / "target")


@pytest.mark.parametrize("name", ["/etc/cron.d/x", "app/../../x", "..", "app//x", "./x"])
def test_an_archive_cannot_write_outside(tmp_path: Path, name: str) -> None:
    archive = archive_of(tmp_path / "evil.tar.gz", member(name))
    (tmp_path / "target").mkdir()
    with pytest.raises(SourceError, match="unsafe name"):
        unpack(archive, str(tmp_path / "target"))


def test_an_archive_cannot_write_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    archive = archive_of(
        tmp_path / "evil.tar.gz",
        member("app/inner/up", tarfile.SYMTYPE, "../.."),
        member("app/inner/up/stolen"),
    )
    target = tmp_path / "target"
    target.mkdir()
    with pytest.raises(OSError, match="exists"):
        unpack(archive, str(target))
    assert not (target / "stolen").exists()


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.LNKTYPE])
def test_an_archive_holds_files_directories_and_links_only(tmp_path: Path, kind: bytes) -> None:
    archive = archive_of(tmp_path / "evil.tar.gz", member("app/x", kind, "app/y"))
    (tmp_path / "target").mkdir()
    with pytest.raises(SourceError, match="no file, directory or link"):
        unpack(archive, str(tmp_path / "target"))


def test_a_link_of_an_archive_stays_inside(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "evil.tar.gz", member("app/x", tarfile.SYMTYPE, "../../etc"))
    (tmp_path / "target").mkdir()
    with pytest.raises(SourceError, match="leaves the source"):
        unpack(archive, str(tmp_path / "target"))
