"""Root executes and believes only what nobody else could have put there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from python_service.module_utils.python_service.host.trust import weakness

SOMEBODY = 65534
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of others")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program of root's, in a directory of root's."""
    path = tmp_path / "bin" / "program"
    path.parent.mkdir(mode=0o755)
    path.write_text("")
    path.chmod(0o755)
    return path


def weak(path: Path) -> str | None:
    found = weakness(str(path), str(path.parents[1]))
    return found.removesuffix(" can be written by others than root") if found else None


def test_what_only_root_can_write(program: Path) -> None:
    assert weak(program) is None


def test_what_is_not_there_yet(program: Path) -> None:
    assert weakness(str(program.parent / "new" / "program"), str(program.parents[1])) is None


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1757])
def test_what_others_may_write(program: Path, mode: int) -> None:
    program.chmod(mode)
    assert weak(program) == str(program)
    program.chmod(0o755)
    program.parent.chmod(mode)
    assert weak(program) == str(program.parent)


def test_what_somebody_else_owns(program: Path) -> None:
    os.chown(program.parent, SOMEBODY, -1)
    assert weak(program) == str(program.parent)


def test_what_a_link_leads_to(program: Path) -> None:
    elsewhere = program.parents[1] / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    (elsewhere / "program").touch(0o755)
    link = program.parent / "link"
    link.symlink_to(elsewhere / "program")
    assert weak(link) is None
    os.chown(elsewhere, SOMEBODY, -1)
    assert weak(link) == str(elsewhere)


def test_a_link_of_somebody_else(program: Path) -> None:
    link = program.parent / "link"
    link.symlink_to(program)
    os.chown(link, SOMEBODY, -1, follow_symlinks=False)
    assert weak(link) == str(link)
