# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The locks of uv, Poetry and PDM, as the tools themselves write them as requirements.

A tool is run in the name of whoever deploys, on a source that may be anybody's.
uv is told to use no settings of the source, no network and no cache, and runs
nothing. Poetry and PDM load plugins and settings from the directory of a
project, and so they are shown a copy that has the lock and ``pyproject.toml``
alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import tomllib

from ...errors import ServiceError
from ...foreign import last_lines
from ..manual import PREFIX
from ..pip_format import logical_lines
from ..problems import problem
from .project import Project

_SECONDS = 300
_EDITABLE = re.compile(r"^-e (?=file:|[./])")
#: Directories between a copy and what is removed with it: paths of a lock may lead up.
_DEPTH = 8
_TOOLS_OWN = ("UV_", "POETRY_", "PDM_", "VIRTUAL_ENV", "CONDA_", "PYTHON")


class Tool(NamedTuple):
    """A tool with a lock: ``words`` are its export's, for extras and for groups.

    ``lacks`` is what it says where it has no export, and ``advice`` what to do
    then; ``without_hashes`` is what it is to be told where one is missing.
    """

    name: str
    lock: str
    words: Callable[[Sequence[str], Sequence[str]], list[str]]
    quiet: Sequence[str]
    environment: dict[str, str]
    in_place: bool
    lacks: str = ""
    advice: str = ""
    without_hashes: str = ""


def _each(option: str, names: Sequence[str]) -> list[str]:
    return [word for name in names for word in (option, name)]


TOOLS = (
    Tool(
        name="uv",
        lock="uv.lock",
        words=lambda extras, groups: [
            *("export", "--frozen", "--no-emit-project", "--no-dev"),
            *("--format", "requirements-txt"),
            *_each("--extra", extras),
            *_each("--group", groups),
        ],
        quiet=("--no-config", "--offline", "--no-cache", "--no-header"),
        environment={"UV_PYTHON_DOWNLOADS": "never"},
        in_place=True,
    ),
    Tool(
        name="poetry",
        lock="poetry.lock",
        words=lambda extras, groups: [
            *("export", "--format", "requirements.txt"),
            *_each("--extras", extras),
            *_each("--with", groups),
        ],
        quiet=("--no-interaction", "--no-ansi"),
        environment={"POETRY_VIRTUALENVS_CREATE": "false", "POETRY_WARNINGS_EXPORT": "false"},
        in_place=False,
        lacks='command "?export"? (does not exist|is not defined)',
        advice="run 'poetry self add poetry-plugin-export'",
    ),
    Tool(
        name="pdm",
        lock="pdm.lock",
        words=lambda extras, groups: [
            # Groups count as those of developers, of which those are taken that are named.
            *("export", "--dev" if groups else "--prod", "--format", "requirements"),
            *_each("--group", [*extras, *groups]),
        ],
        quiet=(),
        environment={"PDM_CHECK_UPDATE": "0", "PDM_USE_VENV": "0", "PDM_IGNORE_SAVED_PYTHON": "1"},
        in_place=False,
        without_hashes="--no-hashes",
    ),
)


def export(
    tool: Tool, root: str, project: Project, wanted: Sequence[str], script: str = ""
) -> list[str]:
    """Requirement lines of the lock in ``root``, with the extras and groups ``wanted``.

    With ``script``, those of the lock beside that. Raises `ServiceError`, with
    the command that helps, where they cannot be had.
    """
    words = tool.words(
        [name for name in wanted if name in project.extras],
        [name for name in wanted if name in project.groups],
    )
    if script:
        words += ["--script", script]
    lock = f"{script}.lock" if script else os.path.join(root, tool.lock)
    by_hand = (
        f"run '{tool.name} {shlex.join(words)} --output requirements.txt' in {root} "
        f"and write {PREFIX}requirements: {root}/requirements.txt"
    )
    if tool.name == "uv":
        by_hand = by_hand.replace("--output", "--output-file")
    program = find_tool(tool.name)
    if program is None:
        raise ServiceError(
            problem(
                "src",
                f"{lock} is read by {tool.name}, which the controller does not have; "
                f"install it there, or {by_hand}",
            )
        )
    with contextlib.nullcontext(root) if tool.in_place else _copied(tool, root) as directory:
        text = _run(tool, [program, *words, *tool.quiet], directory, lock, by_hand)
        text = _named_here(text, directory, root)
    lines = [" ".join(line.split()) for *_, line in logical_lines(text.splitlines())]
    # With -e pip allows no marker, and nothing here stays editable.
    return [_EDITABLE.sub("", line) for line in lines]


def find_tool(name: str) -> str | None:
    """Path of a tool on ``PATH`` or beside Ansible's own Python."""
    return shutil.which(name) or shutil.which(name, path=os.path.dirname(sys.executable))


def packages(path: str) -> list[dict[str, Any]]:
    """What a lock of one of the tools has under ``package``; raises `ServiceError`."""
    try:
        with open(path, "rb") as file:
            found = tomllib.load(file).get("package", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ServiceError(problem("src", f"{path} cannot be read: {error}")) from error
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _run(tool: Tool, command: list[str], directory: str, lock: str, by_hand: str) -> str:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(_TOOLS_OWN)
    }
    try:
        result = subprocess.run(
            command,
            cwd=directory,
            env={**inherited, **tool.environment, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        words = f"{lock} could not be read by {tool.name} ({error}); {by_hand}"
        raise ServiceError(problem("src", words)) from error
    if result.returncode == 0:
        return result.stdout
    said = result.stderr + result.stdout
    if tool.without_hashes and "Hash is not available" in said:
        again = tool._replace(without_hashes="")
        return _run(again, [*command, tool.without_hashes], directory, lock, by_hand)
    if tool.lacks and re.search(tool.lacks, said):
        words = f"{lock} is read by '{tool.name} export', which {tool.name} lacks here"
        raise ServiceError(problem("src", f"{words}; {tool.advice}, or {by_hand}"))
    last = "\n".join(f"  {line}" for line in last_lines(said.strip().splitlines()[-15:]))
    raise ServiceError(
        problem(
            "src", f"{lock} could not be read by {tool.name}, which says:\n{last}\nOr {by_hand}"
        )
    )


@contextlib.contextmanager
def _copied(tool: Tool, root: str) -> Iterator[str]:
    """A directory with what the export reads, and what it wants to see of projects beside."""
    with tempfile.TemporaryDirectory(prefix="python_service-") as temporary:
        top = os.path.realpath(temporary)
        copy = os.path.join(top, *map(str, range(_DEPTH)))
        os.makedirs(copy)
        for name in ("pyproject.toml", tool.lock):
            shutil.copyfile(os.path.join(root, name), os.path.join(copy, name))
        for package in packages(os.path.join(root, tool.lock)):
            source = package.get("source")
            source = source if isinstance(source, dict) else {}
            path = source.get("url") if source.get("type") == "directory" else package.get("path")
            beside = os.path.normpath(os.path.join(copy, path)) if isinstance(path, str) else copy
            if os.path.commonpath([beside, top]) != top:
                raise ServiceError(
                    problem("src", f"{root}/{tool.lock} names {path}, which is too far away")
                )
            os.makedirs(beside, exist_ok=True)
            theirs = os.path.join(root, os.path.relpath(beside, copy), "pyproject.toml")
            if beside != copy and os.path.isfile(theirs):
                shutil.copyfile(theirs, os.path.join(beside, "pyproject.toml"))
        yield copy


def _named_here(text: str, directory: str, root: str) -> str:
    """What a tool says of ``directory`` and what is beside it, said of ``root``."""
    text = text.replace("file:///${PROJECT_ROOT}", f"file://{root}")
    if directory == root:
        return text
    top = directory.rsplit("/", _DEPTH)[0]

    def here(found: re.Match[str]) -> str:
        return os.path.normpath(os.path.join(root, os.path.relpath(found[0], directory)))

    return re.sub(re.escape(top) + r"[^\s;'\"\[#]*", here, text)
