"""The archive that takes a release to its host: what arrives, and what cannot get in."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from python_service.module_utils.python_service.archive import pack, unpack
from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.source import Source, scan


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


def test_texts_arrive_beside_the_sources(tree: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive.tar.gz"
    with archive.open("wb") as file:
        pack({"app": scan(str(tree))}, {"requirements/0.txt": "flask  # naïve\n"}, file)
    (tmp_path / "target").mkdir()
    unpack(str(archive), str(tmp_path / "target"))
    assert (tmp_path / "target" / "requirements" / "0.txt").read_text() == "flask  # naïve\n"
    assert (tmp_path / "target" / "app" / "main.py").exists()


@pytest.mark.parametrize("content", ["print(2)\n", "longer than before\n", ""])
def test_a_file_that_changes_while_it_is_packed_is_refused(
    tree: Path, tmp_path: Path, content: str
) -> None:
    source = scan(str(tree))
    (tree / "main.py").write_text(content)
    with pytest.raises(ServiceError, match=r"main\.py changed while it was packed"):
        ship(source, tmp_path / "target")


def test_a_file_that_goes_while_it_is_packed_is_refused(tree: Path, tmp_path: Path) -> None:
    source = scan(str(tree))
    (tree / "main.py").unlink()
    with pytest.raises(ServiceError, match=r"main\.py changed while it was packed"):
        ship(source, tmp_path / "target")


@pytest.mark.parametrize("name", ["/etc/cron.d/x", "app/../../x", "..", "app//x", "./x"])
def test_an_archive_cannot_write_outside(tmp_path: Path, name: str) -> None:
    archive = archive_of(tmp_path / "evil.tar.gz", member(name))
    (tmp_path / "target").mkdir()
    with pytest.raises(ServiceError, match="unsafe name"):
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
    with pytest.raises(ServiceError, match="not a file, a directory or a link"):
        unpack(archive, str(tmp_path / "target"))


def test_a_link_of_an_archive_stays_inside(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "evil.tar.gz", member("app/x", tarfile.SYMTYPE, "../../etc"))
    (tmp_path / "target").mkdir()
    with pytest.raises(ServiceError, match="leaves the source"):
        unpack(archive, str(tmp_path / "target"))
