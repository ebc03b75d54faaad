"""The commit of a source is told by git, and nothing runs that the repository names."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from python_service.module_utils.python_service.controller.revision import revision

#: Git with no hooks, filters and monitors of the repository, as a test makes one.
QUIET = ("core.hooksPath=/nowhere", "core.fsmonitor=", "filter.x.process=", "filter.x.clean=")


class Repository:
    """A repository whose one file has an attribute that filters and drivers can be named for."""

    def __init__(self, path: Path, marker: Path, *more: str) -> None:
        self.path = path
        self.marker = marker
        path.mkdir()
        self.git("init", "--quiet", *more)
        (path / ".gitattributes").write_text("*.py filter=x diff=x\n")
        (path / "main.py").write_text("print()\n")
        self.commit()

    def git(self, *words: str, quiet: bool = True) -> str:
        own = ["user.name=me", "user.email=me@here.invalid", "protocol.file.allow=always"]
        settings = [word for option in [*own, *(QUIET if quiet else ())] for word in ("-c", option)]
        run = subprocess.run(
            ["git", "-C", str(self.path), *settings, *words],
            check=quiet,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return run.stdout.strip()

    def commit(self) -> str:
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "One more")
        return self.head

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def set(self, name: str, value: str) -> None:
        self.git("config", name, value)

    def program(self) -> str:
        """A program that leaves a mark."""
        program = self.path.parent / "program"
        program.write_text(f"#!/bin/sh\ntouch {self.marker}\n")
        program.chmod(0o755)
        return str(program)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "source", tmp_path / "marker")


def monitored(repository: Repository) -> str:
    repository.set("core.fsmonitor", repository.program())
    return "status"


def included(repository: Repository) -> str:
    (repository.path / ".git" / "more").write_text(f"[core]\nfsmonitor = {repository.program()}\n")
    repository.set("includeIf.gitdir:**.path", "more")
    return "status"


def cleaned(repository: Repository) -> str:
    repository.set("filter.x.clean", repository.program())
    return "status"


def processed(repository: Repository) -> str:
    repository.set("filter.x.process", repository.program())
    return "status"


def hooked(repository: Repository) -> str:
    hook = repository.path / ".git" / "hooks" / "post-index-change"
    hook.parent.mkdir(exist_ok=True)
    hook.symlink_to(repository.program())
    return "status"


def compared(repository: Repository) -> str:
    repository.set("diff.x.command", repository.program())
    repository.set("diff.x.textconv", repository.program())
    (repository.path / "main.py").write_text("print(1)\n")
    return "diff"


def contained(repository: Repository) -> str:
    """A submodule has a configuration of its own."""
    other = Repository(repository.path.parent / "other", repository.marker)
    repository.git("submodule", "--quiet", "add", str(other.path), "part")
    repository.commit()
    part = repository.path / "part"
    for name in ("core.fsmonitor", "filter.x.clean"):
        subprocess.run(["git", "-C", part, "config", name, repository.program()], check=True)
    os.utime(part / "main.py", (1, 1))
    return "status"


def fetched(repository: Repository) -> str:
    """A partial clone fetches what it lacks: here, what the commit consists of."""
    for name, value in (
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", f"ext::{repository.program()}"),
        ("protocol.ext.allow", "always"),
        ("core.sshCommand", repository.program()),
    ):
        repository.set(name, value)
    tree = repository.git("rev-parse", "HEAD^{tree}")
    (repository.path / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    return "status"


@pytest.mark.parametrize(
    "trap",
    [monitored, included, cleaned, processed, hooked, compared, contained, fetched],
    ids=lambda trap: trap.__name__,
)
def test_nothing_runs_that_a_repository_names(
    repository: Repository, trap: Callable[[Repository], str]
) -> None:
    command = trap(repository)
    head = repository.head
    # Git has to look into a file that it has another time of.
    os.utime(repository.path / "main.py", (1, 1))
    found = revision(str(repository.path))
    assert found in (head, f"{head}-dirty")
    assert not repository.marker.exists()
    os.utime(repository.path / "main.py", (2, 2))
    repository.git(command, quiet=False)
    assert repository.marker.exists(), "this is no trap"


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_a_commit_is_told_with_what_was_changed(tmp_path: Path, form: str) -> None:
    made = Repository(tmp_path / "source", tmp_path / "marker", f"--object-format={form}")
    source = str(made.path)
    assert revision(source) == made.head
    os.utime(made.path / "main.py", (1, 1))
    (made.path / "new.py").touch()
    assert revision(source) == made.head
    (made.path / "main.py").chmod(0o755)
    assert revision(source) == f"{made.head}-dirty"
    made.commit()
    (made.path / "main.py").unlink()
    assert revision(source) == f"{made.head}-dirty"
    made.git("rm", "--quiet", "main.py")
    assert revision(source) == f"{made.head}-dirty"


def test_a_work_tree_beside_its_repository_has_its_own_commit(repository: Repository) -> None:
    beside = repository.path.parent / "beside"
    repository.git("worktree", "add", "--quiet", str(beside))
    (beside / "main.py").write_text("print(1)\n")
    assert revision(str(beside)) == f"{repository.head}-dirty"
    assert revision(str(repository.path)) == repository.head


def test_another_commit_of_a_submodule_is_a_change(repository: Repository) -> None:
    contained(repository)
    assert revision(str(repository.path)) == repository.head
    part = Repository.__new__(Repository)
    part.path = repository.path / "part"
    part.git("commit", "--quiet", "--allow-empty", "--message", "Two")
    assert revision(str(repository.path)) == f"{repository.head}-dirty"


def test_it_is_the_repository_of_the_source_whatever_the_environment_names(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Repository(repository.path.parent / "other", repository.marker)
    other.git("commit", "--quiet", "--allow-empty", "--message", "Two")
    head = repository.head
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere")
    assert revision(str(repository.path)) == head


def test_a_repository_is_left_as_it_was(repository: Repository) -> None:
    os.utime(repository.path / "main.py", (1, 1))
    index = repository.path / ".git" / "index"
    before = index.read_bytes()
    revision(str(repository.path))
    assert index.read_bytes() == before


@pytest.mark.parametrize("broken", ["[core\n", "[core]\nrepositoryFormatVersion = 99\n"])
def test_a_repository_that_git_cannot_read_has_no_commit(
    repository: Repository, broken: str
) -> None:
    (repository.path / ".git" / "config").write_text(broken)
    assert revision(str(repository.path)) is None
