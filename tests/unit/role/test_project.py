"""What a project says of itself, read without running anything of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from python_service.module_utils.python_service.controller.projects.project import (
    Project,
    read_project,
)
from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.source import scan

BUILD = "[build-system]\nrequires = []\n"
NAMED = "[project]\nname = 'x'\n"
DYNAMIC = "[project]\nname = 'x'\ndynamic = ['version', 'dependencies']\n"
POETRY = "[tool.poetry]\nname = 'x'\n[tool.poetry.dependencies]\npython = '^3.11'\n"
LOCK = "run 'poetry lock' there"


def read(directory: Path, text: str | None, **files: str) -> Project | None:
    """The project of a pyproject.toml and other files, whose names have _ for the dot."""
    (directory / "main.py").touch()
    if text is not None:
        (directory / "pyproject.toml").write_text(text)
    for name, content in files.items():
        (directory / name.replace("_", ".")).write_text(content)
    return read_project(scan(str(directory)))


def project(directory: Path, text: str | None, **files: str) -> Project:
    found = read(directory, text, **files)
    assert found
    return found


def test_a_source_may_be_no_project(tmp_path: Path) -> None:
    assert read(tmp_path, None) is None
    assert read(tmp_path, "[tool.ruff]\n", setup_cfg="[flake8]\nmax-line-length = 100\n") is None


def test_a_project_says_what_it_needs_and_what_it_brings(tmp_path: Path) -> None:
    text = (
        f"{BUILD}{NAMED}requires-python = '>=3.9'\ndependencies = ['flask']\n"
        "[project.scripts]\nserve = 'x:main'\n[project.gui-scripts]\nshow = 'x:show'\n"
        "[tool.poetry.scripts]\nwork = 'x:work'\n"
    )
    found = project(tmp_path, text)
    assert found.dependencies == ("flask",)
    assert found.scripts == {"serve", "show", "work"}
    assert (found.built, found.untold, found.python, found.name) == (True, "", ">=3.9", "x")


@pytest.mark.parametrize(
    ("text", "built"),
    [
        (BUILD + NAMED, True),
        (NAMED, False),
        (NAMED + "[tool.uv]\npackage = true\n", True),
        (BUILD + NAMED + "[tool.uv]\npackage = false\n", False),
        (BUILD + "[tool.poetry]\npackage-mode = false\n", False),
        (BUILD + NAMED + "[tool.pdm]\ndistribution = false\n", False),
    ],
)
def test_an_application_is_run_where_it_lies_and_a_package_is_installed(
    text: str, built: bool, tmp_path: Path
) -> None:
    assert project(tmp_path, text).built == built


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[build-system\n", "cannot be read"),
        (BUILD + "[project]\ndependencies = 'flask'\n", "write such as ['flask>=3']"),
        (BUILD + "[project]\ndependencies = [3]\n", "write such as ['flask>=3']"),
        ("[project]\n[dependency-groups]\na = [3]\n", "has the group a that is no list"),
        (
            "[project]\n[dependency-groups]\na = [{include-group = 'b'}]\n",
            "the group b is included",
        ),
        ("[project]\n[dependency-groups]\na = [{include-group = 'A'}]\n", "a includes itself"),
    ],
)
def test_a_project_that_cannot_be_read_is_refused(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"^python_service_src: .*/pyproject\.toml") as raised:
        read(tmp_path, text)
    assert words in str(raised.value)


def test_extras_and_groups_have_what_they_include(tmp_path: Path) -> None:
    text = (
        f"{NAMED}dependencies = ['flask']\n"
        "[project.optional-dependencies]\nWeb_Server = ['gunicorn']\nall = ['x[web-server]', 'redis']\n"
        "[dependency-groups]\nops = ['sentry-sdk', {include-group = 'Metrics'}]\nmetrics = ['statsd']\n"
    )
    found = project(tmp_path, text)
    assert found.names() == ["all", "metrics", "ops", "web-server"]
    assert found.lines() == ("flask",)
    assert found.lines(["all"]) == ("flask", "gunicorn", "redis")
    assert found.lines(["ops"]) == ("flask", "sentry-sdk", "statsd")


SETUPTOOLS = "[tool.setuptools.dynamic]\ndependencies = {file = %s}\n"
#: Where dependencies may stand, and the lines that are found.
TOLD: dict[str, tuple[str | None, dict[str, str], tuple[str, ...]]] = {
    "nothing": (BUILD, {}, ()),
    "none": (BUILD + NAMED, {}, ()),
    "poetry, python alone": (BUILD + POETRY, {}, ()),
    "poetry, python alone, dynamic": (BUILD + DYNAMIC + POETRY, {}, ()),
    "poetry, optional": (BUILD + POETRY + "flask = {version = '^3', optional = true}\n", {}, ()),
    "setuptools, a file": (DYNAMIC + SETUPTOOLS % "'needs.txt'", {}, ("-r needs.txt",)),
    "setuptools, files": (
        DYNAMIC + SETUPTOOLS % "['a.txt', 'b.txt']",
        {},
        ("-r a.txt", "-r b.txt"),
    ),
    "hatch-requirements-txt": (
        DYNAMIC + "[tool.hatch.metadata.hooks.requirements_txt]\nfiles = ['needs.txt']\n",
        {},
        ("-r needs.txt",),
    ),
    "flit of old": (BUILD + "[tool.flit.metadata]\nrequires = ['flask']\n", {}, ("flask",)),
    "dynamic, setup.cfg": (
        BUILD + DYNAMIC,
        {"setup_cfg": "[options]\ninstall_requires =\n  flask>=3\n  # why\n  click\n"},
        ("flask>=3", "click"),
    ),
    "setup.cfg alone": (
        None,
        {"setup_cfg": "[metadata]\nname = x\n[options]\ninstall_requires = flask\n"},
        ("flask",),
    ),
    "setup.cfg, in one line": (
        None,
        {"setup_cfg": "[metadata]\nname = x\n[options]\ninstall_requires = flask; click>=8\n"},
        ("flask", "click>=8"),
    ),
    "setup.cfg, a marker": (
        None,
        {"setup_cfg": "[options]\ninstall_requires =\n  flask; os_name == 'posix'\n"},
        ("flask; os_name == 'posix'",),
    ),
    "setup.cfg, a file": (
        BUILD,
        {"setup_cfg": "[options]\ninstall_requires = file: needs.txt\n"},
        ("-r needs.txt",),
    ),
    "setup.py alone": (None, {"setup_py": "setup(install_requires=['flask'])"}, ("flask",)),
    "setup.py, a name": (
        None,
        {
            "setup_py": "import setuptools\nREQUIRES = ('flask', 'click')\n"
            "setuptools.setup(name='x', install_requires=REQUIRES)\n"
        },
        ("flask", "click"),
    ),
    "setup.py, a text": (
        None,
        {"setup_py": "setup(install_requires='flask\\nclick')"},
        ("flask", "click"),
    ),
    "setup.py that requires nothing": (BUILD, {"setup_py": "setup()\n"}, ()),
    "setup.py beside a project": (NAMED, {"setup_py": "setup(**given())"}, ()),
}


@pytest.mark.parametrize("case", TOLD)
def test_dependencies_are_found_where_they_stand(case: str, tmp_path: Path) -> None:
    text, files, dependencies = TOLD[case]
    found = project(tmp_path, text, **files)
    assert (found.dependencies, found.untold) == (dependencies, "")


COMPILE = "run 'uv pip compile setup.py --output-file requirements.txt' there"
UNTOLD: dict[str, tuple[str | None, dict[str, str], str]] = {
    "poetry": (BUILD + POETRY + "flask = '^3'\n", {}, LOCK),
    "poetry, several constraints": (
        BUILD + POETRY + "flask = [{version = '1', python = '<3'}, {version = '3'}]\n",
        {},
        LOCK,
    ),
    "poetry, in a project of today": (BUILD + DYNAMIC + POETRY + "flask = '^3'\n", {}, LOCK),
    "poetry, that adds to a project": (
        BUILD + DYNAMIC + "dependencies = ['click']\n" + POETRY + "flask = '^3'\n",
        {},
        LOCK,
    ),
    "poetry, that says where from": (
        NAMED + "dependencies = ['flask']\n" + POETRY + "flask = {git = 'https://x.invalid/'}\n",
        {},
        "says by [tool.poetry.dependencies] flask where its dependencies come from; run 'poetry lock'",
    ),
    "uv, that says where from": (
        NAMED + "dependencies = ['core']\n[tool.uv.sources]\ncore = {workspace = true}\n",
        {},
        "says by [tool.uv] sources where its dependencies come from; run 'uv lock' there",
    ),
    "uv, an index": (NAMED + "[[tool.uv.index]]\nurl = 'https://x.invalid/'\n", {}, "'uv lock'"),
    "pdm, an index": (
        NAMED + "[[tool.pdm.source]]\nurl = 'https://x.invalid/'\n",
        {},
        "'pdm lock'",
    ),
    "dynamic": (BUILD + DYNAMIC, {}, "run 'uv pip compile pyproject.toml --output-file"),
    "setup.py that asks": (None, {"setup_py": "setup(install_requires=read())"}, COMPILE),
    "setup.py that adds": (
        None,
        {"setup_py": "R = ['flask']\nR.append('x')\nsetup(install_requires=R)"},
        COMPILE,
    ),
    "setup.py that adds otherwise": (
        None,
        {"setup_py": "R = ['flask']\nR += ['x']\nsetup(install_requires=R)"},
        COMPILE,
    ),
    "setup.py that is given all": (BUILD, {"setup_py": "setup(**given())"}, COMPILE),
    "setup.py with two calls": (None, {"setup_py": "setup()\nsetup()"}, COMPILE),
    "a path": (
        NAMED + "dependencies = ['flask', 'x @ file:///srv/x']\n",
        {},
        "has a dependency 'x @ file:///srv/x', which names a path",
    ),
    "no requirement": (
        NAMED + "dependencies = ['flask = 3']\n",
        {},
        "has a dependency 'flask = 3', which is no requirement; write 'flask == 3'",
    ),
}


@pytest.mark.parametrize("case", UNTOLD)
def test_dependencies_that_only_a_tool_knows_are_said_to_be(case: str, tmp_path: Path) -> None:
    text, files, words = UNTOLD[case]
    found = project(tmp_path, text, **files)
    assert found.untold.startswith(f"{tmp_path}/")
    assert words in found.untold


def test_setup_py_is_never_run(tmp_path: Path) -> None:
    text = f"open({str(tmp_path / 'ran')!r}, 'w')\nsetup(name='x', install_requires=['flask'])\n"
    assert project(tmp_path, None, setup_py=text).dependencies == ("flask",)
    assert not (tmp_path / "ran").exists()


def test_what_setuptools_is_told_in_two_files_is_one_project(tmp_path: Path) -> None:
    cfg = (
        "[metadata]\nname = x\n[options]\npython_requires = >=3.9\n"
        "[options.extras_require]\nweb = gunicorn\n"
        "[options.entry_points]\nconsole_scripts =\n  serve = x:main\n"
    )
    py = "setup(install_requires=['flask'], entry_points={'console_scripts': ['work = x:work']})"
    found = project(tmp_path, None, setup_cfg=cfg, setup_py=py)
    assert found.dependencies == ("flask",)
    assert found.scripts == {"serve", "work"}
    assert (found.python, found.built, found.extras) == (">=3.9", True, {"web": ("gunicorn",)})


def test_setup_cfg_that_names_no_project_is_not_installed(tmp_path: Path) -> None:
    found = project(tmp_path, None, setup_cfg="[options]\ninstall_requires = flask\n")
    assert (found.dependencies, found.built) == (("flask",), False)


@pytest.mark.parametrize("text", ["setup(", "setup(\0)", "(" * 500])
def test_a_setup_py_that_is_no_python_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"^python_service_src: .*/setup\.py cannot be read"):
        read(tmp_path, None, setup_py=text)


def test_a_setup_cfg_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"^python_service_src: .*/setup\.cfg cannot be read"):
        read(tmp_path, None, setup_cfg="[options\n")


@pytest.mark.parametrize(
    ("text", "python"),
    [
        (POETRY, ">=3.11,<4"),
        (POETRY.replace("^3.11", ">=3.9,<3.13"), ">=3.9,<3.13"),
        (POETRY.replace("^3.11", "~3.9 || ~3.11"), ""),
        (NAMED + "requires-python = '>=3.12'\n", ">=3.12"),
    ],
)
def test_a_project_says_which_pythons_it_is_for(text: str, python: str, tmp_path: Path) -> None:
    assert project(tmp_path, text).python == python


SCM = "SETUPTOOLS_SCM_PRETEND_VERSION"


@pytest.mark.parametrize(
    ("text", "files", "variable"),
    [
        (DYNAMIC + "[build-system]\nrequires = ['hatchling', 'hatch-vcs']\n", {}, SCM),
        (DYNAMIC + "[build-system]\nrequires = ['setuptools_scm[toml]>=8']\n", {}, SCM),
        ("[build-system]\nrequires = ['setuptools', 'setuptools-scm']\n", {}, SCM),
        (NAMED + "version = '1'\n[build-system]\nrequires = ['setuptools-scm']\n", {}, ""),
        (DYNAMIC + "[tool.pdm.version]\nsource = 'scm'\n", {}, "PDM_BUILD_SCM_VERSION"),
        (
            POETRY + "[build-system]\nrequires = ['poetry-core', 'poetry-dynamic-versioning']\n",
            {},
            "POETRY_DYNAMIC_VERSIONING_BYPASS",
        ),
        (None, {"setup_py": "setup(use_scm_version=True)"}, SCM),
        (BUILD + DYNAMIC, {}, ""),
    ],
)
def test_a_version_from_git_is_told_by_the_variable_of_its_tool(
    text: str | None, files: dict[str, str], variable: str, tmp_path: Path
) -> None:
    assert project(tmp_path, text, **files).version_variable == variable
