"""Packages are built as an account that has no rights, and root copies the wheels."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
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


@pytest.fixture
def taken(open_directory: Path) -> Path:
    path = open_directory / "taken"
    path.mkdir()
    return path


def made(other: Builder, script: str, taken: Path) -> dict[str, str]:
    """What root took of what a script left in a directory of the builder's: contents by name."""
    path = Path(other.directory, "result")
    other.run(["sh", "-c", f"mkdir result && cd result && {script}"], {}, "making")
    wheels = other.take(str(path), str(taken))
    for digest, wheel in wheels.items():
        assert hashlib.sha256(Path(wheel).read_bytes()).hexdigest() == digest
    return {Path(wheel).name: Path(wheel).read_text() for wheel in wheels.values()}


def test_it_has_no_name_and_no_rights(other: Builder, taken: Path) -> None:
    facts = made(other, f"({FACTS}) > facts.whl; ! cat /etc/shadow", taken)["facts.whl"]
    user, groups, rights, directories = facts.splitlines()
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
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "not trust the certificate"),
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


def test_wheels_are_copied_and_nothing_else(
    other: Builder, taken: Path, open_directory: Path
) -> None:
    script = "umask 0; echo 1 > one.whl; chmod 6777 one.whl; echo 2 > other; mkdir sub; echo 3 > sub/x.whl"
    assert made(other, script, taken) == {"one.whl": "1\n"}
    (copy,) = (path for path in taken.rglob("*") if path.is_file())
    status = copy.stat()
    assert (status.st_uid, status.st_mode & 0o7022) == (0, 0)
    assert status.st_ino != Path(other.directory, "result", "one.whl").stat().st_ino


def test_nothing_made_is_nothing_taken(other: Builder, taken: Path) -> None:
    assert other.take(f"{other.directory}/result", str(taken)) == {}


@pytest.mark.parametrize(
    "plant",
    ["chown 0:0 {path}", "ln -sf {secret} {path}", "ln -f {secret} {path}", "mkfifo {path}.whl"],
)
def test_what_is_not_its_own_is_refused(
    other: Builder, taken: Path, open_directory: Path, plant: str
) -> None:
    """As a link to another's file, which would become readable, or a pipe that nobody writes to."""
    secret = open_directory / "secret"
    secret.write_text("s3cret")
    path = Path(other.directory, "result", "file.whl")
    other.run(["sh", "-c", "mkdir result && echo 1 > result/file.whl"], {}, "making")
    programs.run(plant.format(path=path, secret=secret).split())
    with pytest.raises(ServiceError, match=r"not its own: .*/result/file\.whl"):
        other.take(str(path.parent), str(taken))
    assert not [path for path in taken.rglob("*.whl") if "s3cret" in path.read_text()]


def test_nobody_is_left_who_could_change_it(other: Builder, taken: Path) -> None:
    script = "echo 1 > file.whl; (exec sleep 1000 >> file.whl 2>&1 < /dev/null) & true"
    assert made(other, script, taken)
    # Those in containers of this machine are another's.
    assert programs._processes_of(other._user)[0] == []


def test_what_failed_is_told_in_its_own_words(other: Builder) -> None:
    with pytest.raises(ServiceError, match=r"making failed:\n  no \\x1b\[2J"):
        other.run(["sh", "-c", r"printf 'no \033[2J'; exit 3"], {}, "making")


def test_a_signal_that_ended_it_is_told(other: Builder) -> None:
    with pytest.raises(ServiceError, match=r"making failed:\n  it was ended by SIGKILL"):
        other.run(["sh", "-c", "kill -9 $$"], {}, "making")
