"""The version that a build system takes from git, worked out on the controller."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from python_service.module_utils.python_service.controller.projects.project import Project
from python_service.module_utils.python_service.controller.projects.version import (
    version_of,
    version_variables,
)
from python_service.module_utils.python_service.controller.revision import Described, described
from python_service.module_utils.python_service.errors import ServiceError

COMMIT = "0123456789abcdef"
SCM = Project(version_variable="SETUPTOOLS_SCM_PRETEND_VERSION")


@pytest.mark.parametrize(
    ("tag", "distance", "dirty", "version"),
    [
        ("v1.2.3", 0, False, "1.2.3"),
        ("1.2", 0, False, "1.2"),
        ("shop-1.2", 0, False, "1.2"),
        ("v1.2.3", 4, False, "1.2.4.dev4+g012345678"),
        ("v1.2.3", 4, True, "1.2.4.dev4+g012345678.dirty"),
        ("v1.2.3", 0, True, "1.2.3+g012345678.dirty"),
        ("v2.0rc1", 3, False, "2.0rc2.dev3+g012345678"),
        ("", 7, False, "0.1.dev7+g012345678"),
        ("release2", 7, False, "0.1.dev7+g012345678"),
    ],
)
def test_it_is_as_setuptools_scm_has_it(tag: str, distance: int, dirty: bool, version: str) -> None:
    assert version_of(Described(COMMIT, tag, distance, dirty)) == version


def git(directory: Path, *words: str) -> str:
    identity = ("-c", "user.name=me", "-c", "user.email=me@here.invalid")
    command = ["git", "-C", str(directory), *identity, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    commit(tmp_path, "one")
    return tmp_path


def commit(directory: Path, text: str) -> None:
    (directory / "main.py").write_text(text)
    git(directory, "add", ".")
    git(directory, "commit", "--quiet", "--message", text)


def test_the_tags_of_the_clone_count(clone: Path) -> None:
    found = described(str(clone))
    assert found
    assert (found.tag, found.distance, found.dirty) == ("", 1, False)
    git(clone, "tag", "v1.0")
    git(clone, "tag", "--annotate", "--message", "x", "v1.1")
    found = described(str(clone))
    assert found
    assert (found.tag, found.distance) in (("v1.1", 0), ("v1.0", 0))
    commit(clone, "two")
    git(clone, "tag", "nightly")
    git(clone, "pack-refs", "--all")
    (clone / "main.py").write_text("changed")
    found = described(str(clone))
    assert found
    assert (found.tag, found.distance, found.dirty) == ("v1.1", 1, True)
    assert found.commit == git(clone, "rev-parse", "HEAD")
    work = clone / "other"
    git(clone, "worktree", "add", "--quiet", str(work))
    found = described(str(work))
    assert found
    assert (found.tag, found.distance, found.dirty) == ("v1.1", 1, False)


def test_nothing_that_the_repository_names_is_run(clone: Path) -> None:
    git(clone, "tag", "v1.0")
    commit(clone, "two")
    ran = clone / ".git" / "ran"
    evil = clone / ".git" / "evil"
    evil.write_text(f"#!/bin/sh\ntouch {ran}\n")
    evil.chmod(0o755)
    for key in ("core.fsmonitor", "filter.x.clean", "core.sshCommand", "alias.describe"):
        git(clone, "config", key, f"!{evil}" if key.startswith("alias") else str(evil))
    git(clone, "config", "remote.origin.url", f"ext::{evil}")
    git(clone, "config", "remote.origin.promisor", "true")
    (clone / ".gitattributes").write_text("* filter=x\n")
    (clone / "main.py").write_text("changed")
    ran.unlink(missing_ok=True)
    found = described(str(clone))
    assert found
    assert (found.tag, found.distance, found.dirty) == ("v1.0", 1, True)
    assert not ran.exists()


def test_the_build_system_is_told_by_its_variable(clone: Path) -> None:
    git(clone, "tag", "v1.0")
    assert version_variables(str(clone), SCM) == {"SETUPTOOLS_SCM_PRETEND_VERSION": "1.0"}
    for other in (None, Project(), SCM._replace(built=False)):
        assert version_variables(str(clone), other) == {}


def test_without_git_it_stands_in_an_sdist_or_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"^python_service_src: .*takes the version from git"):
        version_variables(str(tmp_path), SCM)
    (tmp_path / "PKG-INFO").touch()
    assert version_variables(str(tmp_path), SCM) == {}
