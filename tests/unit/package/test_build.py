"""What ``script/build`` makes: the same bytes each time, and nothing that users do not need."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[3]


def built(project: Path, target: Path, umask: int, **environment: str) -> dict[str, bytes]:
    subprocess.run(
        [sys.executable, project / "script" / "lib" / "build.py", target],
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000", **environment},
        umask=umask,
        stdout=subprocess.PIPE,
        check=True,
    )
    return {file.name: file.read_bytes() for file in target.iterdir()}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("build") / "dist"
    built(PROJECT, target, 0o022)
    return target


def test_another_clone_at_another_time_makes_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git = ("git", "-C", PROJECT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(git, stdout=subprocess.PIPE, text=True, check=True).stdout
    for path in filter(None, listed.split("\0")):
        if os.path.lexists(PROJECT / path):
            (clone / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / path, clone / path, follow_symlinks=False)
            if not (clone / path).is_symlink():
                (clone / path).chmod(0o700 if os.access(PROJECT / path, os.X_OK) else 0o600)
    subprocess.run(["git", "init", "--quiet", clone], check=True)
    # A disk lists its files in an order of its own.
    (tmp_path / "sitecustomize.py").write_text(
        "import os\nlist_ = os.listdir\n"
        "os.listdir = lambda *path: sorted(list_(*path), reverse=True)\n"
    )
    again = built(clone, tmp_path / "dist", 0o077, PYTHONPATH=str(tmp_path))
    assert again == {file.name: file.read_bytes() for file in dist.iterdir()}


def test_the_checksums_are_those_of_all_that_was_built(dist: Path) -> None:
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    subprocess.run(check, cwd=dist, stdout=subprocess.PIPE, check=True)
    sums = (dist / "SHA256SUMS").read_text(encoding="utf-8")
    names = {line.split("  ")[1] for line in sums.splitlines()}
    assert names == {file.name for file in dist.iterdir()} - {"SHA256SUMS"}


def tops(archive: Path, below: str = "") -> set[str]:
    """What an archive holds directly below a folder."""
    with tarfile.open(archive) as found:
        names = [name.removeprefix(below) for name in found.getnames() if name.startswith(below)]
    return {name.split("/")[0] for name in names}


def test_the_collection_holds_only_what_users_need(dist: Path) -> None:
    [archive] = dist.glob("pyservice-python_service-*.tar.gz")
    described = {"MANIFEST.json", "FILES.json", "README.md", "CHANGELOG.md", "LICENSE"}
    assert tops(archive) == {*described, "docs", "meta", "playbooks", "plugins", "roles"}
    assert tops(archive, "plugins/") == {"action", "module_utils", "modules"}


def test_the_roles_archive_is_its_folder(dist: Path) -> None:
    archive = dist / "python_service.tar.gz"
    assert tops(archive) == {"python_service"}
    role = PROJECT / "roles" / "python_service"
    assert tops(archive, "python_service/") == {path.name for path in role.iterdir()}
    assert (role / "LICENSE").read_bytes() == (PROJECT / "LICENSE").read_bytes()


def test_a_git_archive_is_the_role(tmp_path: Path) -> None:
    archive = tmp_path / "archive.tar"
    command = ["git", "archive", "--worktree-attributes", f"--output={archive}", "HEAD"]
    subprocess.run(command, cwd=PROJECT, check=True)
    assert tops(archive) - {"pax_global_header"} == {"roles"}
    assert tops(archive, "roles/") == {"python_service"}


def test_collection_and_package_are_of_the_same_version() -> None:
    collection = yaml.safe_load((PROJECT / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    project = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.findall(r'^version = "(.+)"$', project, re.MULTILINE) == [collection]
