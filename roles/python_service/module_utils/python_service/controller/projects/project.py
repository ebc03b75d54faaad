# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The project that a source is, by its ``pyproject.toml``, ``setup.cfg`` or ``setup.py``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import tomllib
from packaging.utils import canonicalize_name

from ...errors import ServiceError
from ...source import Source
from ..manual import PREFIX
from ..pip_format import LineError, check, named, parse, without_credentials
from ..problems import problem
from .setup_files import Setup, read_setup

#: Tables of tools that say where dependencies come from, which only the tool's lock tells others.
_ELSEWHERE = (
    ("uv", ("sources", "index", "index-url", "extra-index-url", "find-links")),
    ("uv", ("constraint-dependencies", "override-dependencies", "no-binary", "exclude-newer")),
    ("pdm", ("source", "resolution")),
    ("poetry", ("source",)),
)
_POETRY_PLACES = ("git", "path", "url", "source")
#: What takes a version from git, and the variable that tells it one instead.
_VERSION_VARIABLES = {
    "setuptools-scm": "SETUPTOOLS_SCM_PRETEND_VERSION",
    "hatch-vcs": "SETUPTOOLS_SCM_PRETEND_VERSION",
    "flit-scm": "SETUPTOOLS_SCM_PRETEND_VERSION",
    "uv-dynamic-versioning": "UV_DYNAMIC_VERSIONING_BYPASS",
    "poetry-dynamic-versioning": "POETRY_DYNAMIC_VERSIONING_BYPASS",
    "pbr": "PBR_VERSION",
}
_NONE: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class Project(NamedTuple):
    """What a project says of itself.

    ``dependencies`` are requirement lines, ``extras`` and ``groups`` further
    ones by normal names; ``untold`` says why they are not all of what it needs,
    and what to write, or is empty. It is ``built`` where pip installs it with
    its ``scripts``; a program that is only run from its directory is not.
    ``version_variable`` tells its build system the version that it would take
    from git.
    """

    dependencies: tuple[str, ...] = ()
    scripts: frozenset[str] = frozenset()
    untold: str = ""
    built: bool = True
    file: str = "pyproject.toml"
    extras: Mapping[str, tuple[str, ...]] = _NONE
    groups: Mapping[str, tuple[str, ...]] = _NONE
    python: str = ""
    version_variable: str = ""
    name: str = ""

    def names(self) -> list[str]:
        """Extras and groups that one may ask for."""
        return sorted({*self.extras, *self.groups} - {"dev"})

    def lines(self, wanted: Iterable[str] = ()) -> tuple[str, ...]:
        """Dependencies, with those of the extras and groups that are wanted, by normal names."""
        kinds = (self.extras, self.groups)
        more = [line for name in wanted for kind in kinds for line in kind.get(name, ())]
        return tuple(dict.fromkeys([*self.dependencies, *more]))


def read_project(source: Source) -> Project | None:
    """The project that a source is, or None where it says nothing of one.

    Raises `ServiceError` for what cannot be read.
    """
    names = {entry.path for entry in source.entries}
    content = (
        read_toml(os.path.join(source.root, "pyproject.toml")) if "pyproject.toml" in names else {}
    )
    setup = read_setup(source.root, names)
    poetry = table(content, "tool", "poetry")
    if "build-system" not in content and "project" not in content and not poetry:
        return _of_setup(setup, source.root) if setup else None  # a pyproject.toml of other tools
    path = os.path.join(source.root, "pyproject.toml")
    project = table(content, "project")
    return Project(
        dependencies=_dependencies(content, setup, path),
        scripts=_scripts(project, poetry, setup),
        untold=_untold(content, setup, source.root),
        built=_is_built(content, names),
        extras=_extras(content, setup, path),
        groups=_groups(content, path),
        python=_python(project, poetry) or (setup.python if setup else ""),
        version_variable=_version_variable(content, setup),
        name=_text(project.get("name") or poetry.get("name")) or (setup.name if setup else ""),
    )


def table(content: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A table in tables, which is empty where there is none."""
    for name in names:
        content = content.get(name, {})
        if not isinstance(content, dict):
            return {}
    return dict(content)


def elsewhere(tool: Mapping[str, Any]) -> Iterator[str]:
    """Tables of a ``tool`` table by which dependencies come from elsewhere, or are others."""
    for name, keys in _ELSEWHERE:
        for key in keys:
            if table(tool, name).get(key):
                yield f"[tool.{name}] {key}"
    for name, wanted in table(tool, "poetry", "dependencies").items():
        if isinstance(wanted, dict) and any(key in wanted for key in _POETRY_PLACES):
            yield f"[tool.poetry.dependencies] {name}"


def read_toml(path: str) -> dict[str, Any]:
    """What a file of the source says; raises `ServiceError`."""
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ServiceError(problem("src", f"{path} cannot be read: {error}")) from error


def _of_setup(setup: Setup, root: str) -> Project:
    path = os.path.join(root, setup.file)
    return Project(
        dependencies=setup.dependencies,
        scripts=setup.scripts,
        untold=f"{path} {setup.untold}"
        if setup.untold
        else next(_unfit(setup.dependencies, path), ""),
        built=setup.built,
        file=setup.file,
        extras=_normal(setup.extras),
        python=setup.python,
        version_variable=_VERSION_VARIABLES["setuptools-scm"] if setup.versioned else "",
        name=setup.name,
    )


def _is_built(content: Mapping[str, Any], names: set[str]) -> bool:
    """Whether the source is installed, by PEP 517 and by what tools say of a program that is none."""
    for tool, key in (("uv", "package"), ("poetry", "package-mode"), ("pdm", "distribution")):
        said = table(content, "tool", tool).get(key)
        if isinstance(said, bool):
            return said
    return "build-system" in content or "setup.py" in names


def _dependencies(content: Mapping[str, Any], setup: Setup | None, path: str) -> tuple[str, ...]:
    project, tool = table(content, "project"), table(content, "tool")
    if "dependencies" in project:
        return _list(project["dependencies"], "project.dependencies", path)
    flit = table(tool, "flit", "metadata").get("requires")
    if flit and "project" not in content:
        return _list(flit, "tool.flit.metadata.requires", path)
    if "dependencies" in _dynamic(project):
        files = _dynamic_files(tool)
        if files:
            return tuple(f"-r {file}" for file in files)
        return setup.dependencies if setup else ()
    return setup.dependencies if setup and "project" not in content else ()


def _dynamic_files(tool: Mapping[str, Any]) -> list[str]:
    """Requirements files that a build system takes dynamic dependencies from."""
    setuptools = table(tool, "setuptools", "dynamic", "dependencies").get("file")
    hatch = table(tool, "hatch", "metadata", "hooks", "requirements_txt").get("files")
    found = setuptools or hatch or []
    found = [found] if isinstance(found, str) else found
    return [file for file in found if isinstance(file, str)] if isinstance(found, list) else []


def _dynamic(project: Mapping[str, Any]) -> list[str]:
    dynamic = project.get("dynamic")
    return dynamic if isinstance(dynamic, list) else []


def _scripts(
    project: Mapping[str, Any], poetry: Mapping[str, Any], setup: Setup | None
) -> frozenset[str]:
    return frozenset(
        [
            *table(project, "scripts"),
            *table(project, "gui-scripts"),
            *table(poetry, "scripts"),
            *(setup.scripts if setup else ()),
        ]
    )


def _untold(content: Mapping[str, Any], setup: Setup | None, root: str) -> str:
    """Why the project does not say all that it needs, and what to do; empty where it does."""
    path = os.path.join(root, "pyproject.toml")
    project, tool = table(content, "project"), table(content, "tool")
    dynamic = "dependencies" in _dynamic(project)
    told = "dependencies" in project and not dynamic
    if not told and _poetry_needs(table(tool, "poetry")):
        words = f"{path} names what it needs in Poetry's own form"
        return f"{words}; run 'poetry lock' there, which writes what can be read"
    from_elsewhere = next(elsewhere(tool), "")
    if from_elsewhere:
        name = from_elsewhere.removeprefix("[tool.").partition("]")[0].partition(".")[0]
        return (
            f"{path} says by {from_elsewhere} where its dependencies come from; "
            f"run '{name} lock' there, so that its lock is installed"
        )
    files = _dynamic_files(tool) if dynamic else []
    if not files and (dynamic or "project" not in content):
        if setup and setup.untold:
            return f"{os.path.join(root, setup.file)} {setup.untold}"
        if dynamic and not setup and not table(tool, "poetry", "dependencies"):
            return (
                f"{path} leaves its dependencies to those who build it (dynamic); "
                "run 'uv pip compile pyproject.toml --output-file requirements.txt' there"
            )
    lines = [line for line in _dependencies(content, setup, path) if not line.startswith("-r ")]
    return next(_unfit(lines, path), "")


def _unfit(dependencies: Iterable[str], path: str) -> Iterator[str]:
    """What is wrong with dependencies of a project."""
    for text in dependencies:
        try:
            check(parse(text), constraining=False)
        except LineError as error:
            yield without_credentials(f"{path} has a dependency {text!r}, which {error}")


def _poetry_needs(poetry: Mapping[str, Any]) -> bool:
    """Whether a project needs more than Python, by ``tool.poetry.dependencies``."""
    return any(
        name.lower() != "python"
        and not (isinstance(wanted, dict) and wanted.get("optional") is True)
        for name, wanted in table(poetry, "dependencies").items()
    )


def _python(project: Mapping[str, Any], poetry: Mapping[str, Any]) -> str:
    """The Pythons that a project is for, as a specifier."""
    if "requires-python" in project:
        return _text(project["requires-python"])
    wanted = _text(table(poetry, "dependencies").get("python"))
    caret = re.fullmatch(r"\^(\d+)([\d.]*)", wanted)
    if caret:
        return f">={wanted[1:]},<{int(caret[1]) + 1}"
    # What else only Poetry knows, it has in the markers of its export.
    return wanted if re.match(r"[<>=!]", wanted) and "|" not in wanted else ""


def _extras(
    content: Mapping[str, Any], setup: Setup | None, path: str
) -> dict[str, tuple[str, ...]]:
    """Lines by normal names of extras; those that mean the project itself are put in."""
    project, poetry = table(content, "project"), table(content, "tool", "poetry")
    given = table(project, "optional-dependencies")
    if not given and "optional-dependencies" not in project:
        given = {**table(poetry, "extras"), **(setup.extras if setup else {})}
    found = _normal(
        {name: _list(lines, f"the extra {name}", path) for name, lines in given.items()}
    )
    own = canonicalize_name(_text(project.get("name")) or "-")
    return {name: tuple(_expanded(name, found, own, ())) for name in found}


def _expanded(
    name: str, extras: Mapping[str, tuple[str, ...]], own: str, above: tuple[str, ...]
) -> Iterator[str]:
    for line in extras.get(name, ()):
        requirement = named(line)
        if requirement and canonicalize_name(requirement.name) == own and requirement.extras:
            for extra in sorted(map(canonicalize_name, requirement.extras)):
                if extra not in (*above, name):
                    yield from _expanded(extra, extras, own, (*above, name))
        else:
            yield line


def _groups(content: Mapping[str, Any], path: str) -> dict[str, tuple[str, ...]]:
    """Lines by normal names of groups: PEP 735, and those of Poetry, which only its lock tells."""
    groups = table(content, "dependency-groups").items()
    given: dict[str, Any] = {canonicalize_name(name): group for name, group in groups}
    found: dict[str, tuple[str, ...]] = {
        canonicalize_name(name): () for name in table(content, "tool", "poetry", "group")
    }
    return found | {name: tuple(dict.fromkeys(_group(name, given, (), path))) for name in given}


def _group(
    name: str, groups: Mapping[str, Any], above: tuple[str, ...], path: str
) -> Iterator[str]:
    if name in above or name not in groups:
        words = "includes itself" if name in above else "is included and is not there"
        raise ServiceError(problem("src", f"{path}: the group {name} {words}; correct that"))
    lines = groups[name]
    for line in lines if isinstance(lines, list) else [None]:
        included = line.get("include-group") if isinstance(line, dict) else None
        if isinstance(included, str):
            yield from _group(canonicalize_name(included), groups, (*above, name), path)
        elif isinstance(line, str):
            yield line
        else:
            raise _no_list(f"the group {name}", path)


def _version_variable(content: Mapping[str, Any], setup: Setup | None) -> str:
    project, tool = table(content, "project"), table(content, "tool")
    if table(tool, "pdm", "version").get("source") == "scm":
        return "PDM_BUILD_SCM_VERSION"
    requires = table(content, "build-system").get("requires")
    lines = (
        [line for line in requires if isinstance(line, str)] if isinstance(requires, list) else []
    )
    if "version" in _dynamic(project) or "project" not in content:
        for line in lines:
            requirement = re.match(r"[\w.-]+", line)
            variable = _VERSION_VARIABLES.get(
                canonicalize_name(requirement[0] if requirement else "")
            )
            if variable:
                return variable
        if setup and setup.versioned:
            return _VERSION_VARIABLES["setuptools-scm"]
    return ""


def _normal(given: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {canonicalize_name(name): lines for name, lines in given.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any, what: str, path: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _no_list(what, path)
    return tuple(value)


def _no_list(what: str, path: str) -> ServiceError:
    return ServiceError(
        f"{PREFIX}src: {path} has {what} that is no list of texts; write such as ['flask>=3']"
    )
