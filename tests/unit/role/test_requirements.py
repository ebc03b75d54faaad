"""Requirements as they are read on the controller."""

from __future__ import annotations

from pathlib import Path

import pytest
from module_utils.python_service_requirements import (
    Project,
    RequirementsError,
    read_project,
    read_requirements,
)
from module_utils.python_service_source import scan


def test_lines_are_one_file() -> None:
    assert read_requirements(["flask==3.1", "gunicorn"], "/") == ("flask==3.1\ngunicorn\n",)
    assert read_requirements([], "/") == ()


def test_files_bring_what_they_include(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "all.txt").write_text("-r deep/base.txt\n--constraint=deep/limits.txt\nflask\n")
    (tmp_path / "deep" / "base.txt").write_text("-c limits.txt\ngunicorn  # why\n")
    (tmp_path / "deep" / "limits.txt").write_text("flask<4\n-r ../all.txt\n")
    assert read_requirements(str(tmp_path / "all.txt"), "/") == (
        "-r 1.txt\n--constraint=2.txt\nflask\n",
        "-c 2.txt\ngunicorn  # why\n",
        "flask<4\n-r 0.txt\n",
    )


def test_hashes_and_options_stay_as_they_are(tmp_path: Path) -> None:
    text = "--index-url https://x/simple\nflask==3.1 \\\n    --hash=sha256:00\n-r https://x/r.txt\n"
    (tmp_path / "r.txt").write_text(text)
    assert read_requirements(str(tmp_path / "r.txt"), "/") == (text,)


@pytest.mark.parametrize(
    "line", ["-e .", "./pkg", "../pkg", "/srv/pkg", ".", "a @ file:///x", "file:x"]
)
def test_paths_of_the_controller_are_refused(line: str) -> None:
    with pytest.raises(RequirementsError, match="names a path, which the host does not have"):
        read_requirements([line], "/")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RequirementsError, match=r"nothing\.txt cannot be read"):
        read_requirements(["-r nothing.txt"], str(tmp_path))


def test_a_project_is_what_names_a_build_system(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    (tmp_path / "main.py").touch()
    assert read_project(scan(str(tmp_path))) is None
    file.write_text("[project]\nname = 'x'\n")
    assert read_project(scan(str(tmp_path))) is None
    file.write_text(
        "[build-system]\nrequires = []\n[project]\nname = 'x'\ndependencies = ['flask']\n"
        "[project.scripts]\nserve = 'x:main'\n[tool.poetry.scripts]\nwork = 'x:work'\n"
    )
    assert read_project(scan(str(tmp_path))) == Project(("flask",), frozenset({"serve", "work"}))
    file.write_text("[build-system\n")
    with pytest.raises(RequirementsError, match=r"pyproject\.toml: "):
        read_project(scan(str(tmp_path)))
