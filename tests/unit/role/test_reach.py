"""What an account can execute, told by owners, groups and modes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from python_service.module_utils.python_service.host.programs import Account, run
from python_service.module_utils.python_service.host.reach import READ, Rights, barrier, hidden

USER, GROUP, OTHER = 60001, 60002, 60003
WHO = Rights(USER, frozenset([GROUP]))
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of others")


@pytest.fixture
def program(open_directory: Path) -> Path:
    """A program that everybody can execute."""
    path = open_directory / "opt" / "bin" / "program"
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("what", ["bin", "program"])
@pytest.mark.parametrize("mode", [0o755, 0o700, 0o750, 0o705, 0o070, 0o077, 0o001, 0o644])
@pytest.mark.parametrize("owner", [(0, 0), (USER, 0), (0, GROUP), (USER, GROUP), (OTHER, OTHER)])
def test_it_says_what_the_kernel_does(
    program: Path, what: str, mode: int, owner: tuple[int, int]
) -> None:
    path = program if what == "program" else program.parent
    os.chown(path, *owner)
    path.chmod(mode)
    probe = ["test", "-x", str(program)]
    can = run(probe, account=Account(USER, GROUP)).returncode == 0
    assert (barrier(str(program), WHO) is None) == can


def test_it_names_what_is_closed(program: Path, open_directory: Path) -> None:
    assert barrier(str(program), WHO) is None
    program.chmod(0o640)
    os.chown(program, 0, OTHER)
    closed = f"it has no right to {program} (-rw-r----- root:{OTHER})"
    assert barrier(str(program), WHO) == barrier(str(program), WHO, READ) == closed
    (open_directory / "opt").chmod(0o700)
    assert (
        barrier(str(program), WHO)
        == f"it may not enter {open_directory}/opt (drwx------ root:root)"
    )


def test_each_link_on_the_way_counts(program: Path, open_directory: Path) -> None:
    (open_directory / "closed").mkdir(mode=0o700)
    (open_directory / "closed" / "middle").symlink_to("../opt/bin/program")
    (open_directory / "first").symlink_to("closed/middle")
    assert "it may not enter " in (barrier(str(open_directory / "first"), WHO) or "")
    (open_directory / "closed").chmod(0o755)
    assert barrier(str(open_directory / "first"), WHO) is None
    (open_directory / "directory").symlink_to("opt/bin")
    program.parent.chmod(0o700)
    assert "bin (drwx------ " in (barrier(str(open_directory / "directory" / "program"), WHO) or "")


def test_where_there_is_an_access_list_it_may_be_open(program: Path) -> None:
    program.parent.chmod(0o700)
    # Version 2; the owner, the user, the group, the mask and others, each with rights: acl(5).
    rights = [(1, 7, -1), (2, 5, USER), (4, 0, -1), (16, 5, -1), (32, 0, -1)]
    listed = b"\2\0\0\0" + b"".join(
        tag.to_bytes(2, "little")
        + right.to_bytes(2, "little")
        + (who % 2**32).to_bytes(4, "little")
        for tag, right, who in rights
    )
    try:
        os.setxattr(program.parent, "system.posix_acl_access", listed)
    except OSError:
        pytest.skip("the file system has no access lists")
    assert barrier(str(program), WHO) is None


@pytest.mark.parametrize(
    ("path", "unit", "said"),
    [
        ("/root/bin/python", "ProtectHome=yes", "ProtectHome=yes of its unit hides /root"),
        ("/home/me/python", "ProtectHome=tmpfs", "ProtectHome=tmpfs of its unit hides /home"),
        ("/opt/python", "ProtectHome=yes", None),
        ("/root/bin/python", "ProtectHome=yes\nProtectHome=read-only", None),
        ("/root/bin/python", "", None),
        ("/root/bin/python", "ProtectHome=yes\nBindReadOnlyPaths=/root/bin", None),
    ],
)
def test_what_a_unit_hides(path: str, unit: str, said: str | None) -> None:
    assert hidden(path, unit) == said
