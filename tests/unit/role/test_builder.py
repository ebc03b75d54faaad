"""Packages are built as an account that has no rights, and what they made becomes root's."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host import builder, programs
from python_service.module_utils.python_service.host.builder import Builder, borrowed
from python_service.module_utils.python_service.layout import Layout

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run programs as others")

FACTS = "id -u; id -G; grep NoNewPrivs: /proc/self/status; echo $HOME $TMPDIR $PWD"


@pytest.fixture
def layout(open_directory: Path, worker_id: str, monkeypatch: pytest.MonkeyPatch) -> Layout:
    # Tests that are run side by side are hosts of their own, which do not see each other's locks;
    # and those on real hosts begin at the first number.
    number = int(worker_id.removeprefix("gw") if worker_id != "master" else 0)
    monkeypatch.setattr(builder, "_NUMBERS", builder._NUMBERS[300 + 20 * number :])
    return Layout("/opt", "demo", str(open_directory / "host"))


@pytest.fixture
def other(layout: Layout, open_directory: Path) -> Iterator[Builder]:
    with borrowed(layout, 12345, str(open_directory / "build")) as found:
        yield found


def made(other: Builder, script: str) -> Path:
    """What a script left in a directory of the builder's, when root has taken it."""
    path = Path(other.directory, "result")
    other.run(["sh", "-c", f"mkdir result && cd result && {script}"], {}, "making")
    other.take(str(path))
    return path


def test_it_has_no_name_and_no_rights(other: Builder) -> None:
    path = made(other, f"({FACTS}) > facts; ! cat /etc/shadow")
    user, groups, rights, directories = (path / "facts").read_text().splitlines()
    assert int(user) in range(60578, 61184)
    assert groups == f"{user} 12345"
    assert rights.split() == ["NoNewPrivs:", "1"]
    assert directories == " ".join([other.directory, other.directory, f"{other.directory}/result"])


def test_what_is_installed_from_is_for_it_and_not_for_the_service(
    other: Builder, open_directory: Path
) -> None:
    incoming = open_directory / "incoming"
    incoming.mkdir()
    (incoming / "requirements").write_text("https://me:s3cret@index.example/x.whl")
    other.admit(str(incoming))
    other.run(["cat", str(incoming / "requirements")], {}, "reading")
    service = programs.Account(4321, 12345)
    refused = programs.run(["cat", str(incoming / "requirements")], account=service)
    assert "Permission denied" in refused.stderr


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory", "no compiler"),
        ("error: command '/usr/bin/gcc' failed with exit code 1", "no compiler"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'gcc'", "no compiler"),
        ("greeting.c:1:10: fatal error: Python.h: No such file or directory", "no compiler"),
        ("ERROR: Cannot find command 'git' - do you have 'git' installed?", "no git"),
        ("Failed to resolve 'index.invalid' ([Errno -3] Temporary failure)", "not reach the index"),
        ("<HTTPSConnection>: Failed to establish a new connection: [Errno 111]", "not reach the"),
    ],
)
def test_what_the_controller_could_do_is_said_first(other: Builder, said: str, why: str) -> None:
    script = f'echo "{said}"; seq 100 >&2; exit 1'
    with pytest.raises(ServiceError) as raised:
        other.run(["sh", "-c", script], {}, "pip")
    first, *rest = str(raised.value).splitlines()
    assert why in first
    assert first.endswith("; python_service_gather_wheels: true has the controller do it:")
    assert rest[-1] == "  100"


def test_where_it_could_not_help_nothing_is_said_of_it(other: Builder) -> None:
    with pytest.raises(ServiceError, match=r"^pip failed:\n  No matching distribution$"):
        other.run(["sh", "-c", "echo No matching distribution; exit 1"], {}, "pip")


def test_two_builds_at_once_are_two_accounts(layout: Layout, open_directory: Path) -> None:
    with (
        borrowed(layout, 0, str(open_directory / "one")) as one,
        borrowed(layout, 0, str(open_directory / "two")) as two,
    ):
        one.run(["sh", "-c", "echo 1 > file"], {}, "making")
        with pytest.raises(ServiceError, match=r"reading failed:\n.*Permission denied"):
            two.run(["cat", f"{one.directory}/file"], {}, "reading")


def test_what_it_made_is_roots_and_its_groups_to_read(other: Builder) -> None:
    path = made(
        other,
        "umask 0; echo 1 > file; mkdir sub; echo 2 > sub/run; chmod 6777 sub/run; ln -s file link",
    )
    expected = {
        path: "drwxr-x---",
        path / "file": "-rw-r--r--",
        path / "sub": "drwxr-xr-x",
        path / "sub/run": "-rwxr-xr-x",
    }
    for entry, mode in expected.items():
        status = entry.lstat()
        assert (status.st_uid, status.st_gid) == (0, 12345), entry
        assert stat.filemode(status.st_mode) == mode, entry
    assert os.lstat(path / "link").st_uid == 0


def test_what_only_its_maker_could_read_its_group_can(other: Builder) -> None:
    path = made(other, "umask 077; echo 1 > file; mkdir sub; echo 2 > sub/run; chmod 700 sub/run")
    modes = [stat.filemode((path / name).stat().st_mode) for name in ("file", "sub", "sub/run")]
    assert modes == ["-rw-r-----", "drwxr-x---", "-rwxr-x---"]


@pytest.mark.parametrize("plant", ["chown 0:0", "rm -f"])
def test_what_is_not_its_own_is_refused(other: Builder, plant: str) -> None:
    """As a hard link to another's file, which would become readable, or a device."""
    path = Path(other.directory, "result")
    other.run(["sh", "-c", "mkdir result && echo 1 > result/file"], {}, "making")
    programs.run([*plant.split(), str(path / "file")])
    if not (path / "file").exists():
        os.mkfifo(path / "file")
    with pytest.raises(ServiceError, match=r"not its own: .*/result/file"):
        other.take(str(path))


def test_what_lies_where_no_path_leads_is_refused(other: Builder) -> None:
    """It would stay the builder's, which the next build is as well."""
    path = Path(other.directory, "result")
    path.mkdir()
    directory = os.open(path, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("d" * 200, dir_fd=directory)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=directory)
        os.close(directory)
        directory = below
    os.close(directory)
    programs.run(["chown", "-R", str(other._user), str(path)])
    with pytest.raises(ServiceError, match=r"cannot be looked at: .*File name too long"):
        other.take(str(path))


#: POSIX ACLs as extended attributes: a version, and then entries of a tag, rights and a number.
ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *entry)
    for entry in (
        (1, 7, 2**32 - 1),
        (2, 7, 4242),
        (4, 7, 2**32 - 1),
        (16, 7, 2**32 - 1),
        (32, 0, 2**32 - 1),
    )
)


@pytest.mark.parametrize("kind", ["access", "default"])
def test_rights_beside_the_mode_are_taken_away(other: Builder, kind: str) -> None:
    """Else what root makes in a directory from then on can be written by whomever it names."""
    path = Path(other.directory, "result")
    other.run(["sh", "-c", "mkdir result"], {}, "making")
    try:
        os.setxattr(path, f"system.posix_acl_{kind}", ACL)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        pytest.skip("the file system has no such rights")
    other.take(str(path))
    assert not [name for name in os.listxattr(path) if "acl" in name]
    assert stat.filemode(path.stat().st_mode) == "drwxr-x---"


@pytest.mark.parametrize("part", ["sub", "sub/file"])
def test_what_somebody_else_puts_in_its_place_meanwhile_is_refused(
    other: Builder, open_directory: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """As the service could, whom a package has let into its directories."""
    others = open_directory / "others"
    others.mkdir()
    (others / "file").write_text("secret")
    (others / "file").chmod(0o600)
    other.run(["sh", "-c", "umask 0; mkdir -p result/sub; echo 1 > result/sub/file"], {}, "making")
    place = Path(other.directory, "result", part)
    inode = os.lstat(place / "file" if part == "sub" else place).st_ino

    def replacing(look: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
        def look_and_replace(seen: object) -> os.stat_result:
            status = look(seen)
            if status.st_ino == inode and status.st_uid == other._user and not place.is_symlink():
                place.rename(f"{other.directory}/moved")
                place.symlink_to(others if part == "sub" else others / "file")
                os.chown(place, 54321, 54321, follow_symlinks=False)
            return status

        return look_and_replace

    for look in (os.lstat, os.fstat):
        monkeypatch.setattr(os, look.__name__, replacing(look))
    with pytest.raises(ServiceError, match="not its own"):
        other.take(f"{other.directory}/result")
    monkeypatch.undo()
    assert place.is_symlink()
    status = (others / "file").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (0, 0, 0o600)


def test_nobody_is_left_who_could_change_it(other: Builder) -> None:
    path = made(other, "echo 1 > file; (exec sleep 1000 >> file 2>&1 < /dev/null) & true")
    assert path.is_dir()
    # Those in containers of this machine are another's.
    assert programs._processes_of(other._user)[0] == []


def test_what_failed_is_told_in_its_own_words(other: Builder) -> None:
    with pytest.raises(ServiceError, match=r"making failed:\n  no \\x1b\[2J"):
        other.run(["sh", "-c", r"printf 'no \033[2J'; exit 3"], {}, "making")


def test_a_signal_that_ended_it_is_told(other: Builder) -> None:
    with pytest.raises(ServiceError, match=r"making failed:\n  it was ended by SIGKILL"):
        other.run(["sh", "-c", "kill -9 $$"], {}, "making")
