# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""``setup.cfg`` and ``setup.py``, as far as they say it without being run."""

from __future__ import annotations

import ast
import collections
import configparser
import contextlib
import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...errors import ServiceError
from ..problems import problem

_COMPILE = "run 'uv pip compile {file} --output-file requirements.txt' there"


class Setup(NamedTuple):
    """What the files say, and whether they say anything of dependencies; as `project.Project`."""

    file: str
    dependencies: tuple[str, ...] = ()
    extras: Mapping[str, tuple[str, ...]] = {}
    scripts: frozenset[str] = frozenset()
    python: str = ""
    untold: str = ""
    says: bool = False
    built: bool = True
    versioned: bool = False
    name: str = ""


def read_setup(root: str, names: set[str]) -> Setup | None:
    """What setuptools would find in a directory; None where there is nothing.

    What ``setup.cfg`` says counts, as with setuptools, and ``setup.py`` adds
    the rest. Raises `ServiceError` for files that cannot be read.
    """
    found = _read_cfg(root) if "setup.cfg" in names else None
    if "setup.py" not in names:
        return found
    code = _read_py(root)
    if found is None or not found.built:
        return code._replace(scripts=code.scripts | (found.scripts if found else frozenset()))
    if not found.says:
        return code._replace(
            extras=found.extras or code.extras,
            scripts=found.scripts | code.scripts,
            python=found.python or code.python,
        )
    return found._replace(scripts=found.scripts | code.scripts, versioned=code.versioned)


def _read_cfg(root: str) -> Setup | None:
    path = os.path.join(root, "setup.cfg")
    parser = configparser.ConfigParser(interpolation=None)
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(file)
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        words = str(error).partition("\n")[0]
        raise ServiceError(problem("src", f"{path} cannot be read: {words}")) from error
    options = dict(parser["options"]) if "options" in parser else {}
    metadata = dict(parser["metadata"]) if "metadata" in parser else {}
    if not options and "name" not in metadata:
        return None  # the settings of other tools
    requires = options.get("install_requires", "")
    named = requires.strip().removeprefix("file:") if requires.strip().startswith("file:") else ""
    lines = (
        tuple(f"-r {file.strip()}" for file in re.split(r"[,\n]", named) if file.strip())
        if named
        else _of_cfg(requires)
    )
    extras = dict(parser["options.extras_require"]) if "options.extras_require" in parser else {}
    points = dict(parser["options.entry_points"]) if "options.entry_points" in parser else {}
    return Setup(
        file="setup.cfg",
        dependencies=lines,
        extras={name: _of_cfg(value) for name, value in extras.items()},
        scripts=_script_names([points.get("console_scripts"), points.get("gui_scripts")]),
        python=options.get("python_requires", "").strip(),
        says="install_requires" in options,
        built="name" in metadata,
        name=metadata.get("name", "").strip(),
    )


def _read_py(root: str) -> Setup:
    path = os.path.join(root, "setup.py")
    untold = _COMPILE.format(file="setup.py")
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ServiceError(problem("src", f"{path} cannot be read: {error}")) from error
    values = _constants(tree)
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "setup"
    ]
    if len(calls) != 1 or any(keyword.arg is None for keyword in calls[0].keywords):
        words = f"makes up what it needs when it is run; {untold}"
        return Setup("setup.py", untold=words)
    given = {str(keyword.arg): keyword.value for keyword in calls[0].keywords}

    def value(name: str) -> Any:
        try:
            node = given[name]
            return values[node.id] if isinstance(node, ast.Name) else ast.literal_eval(node)
        except (KeyError, ValueError, TypeError):
            return None

    requires = value("install_requires")
    lines = _lines(requires) if isinstance(requires, str) else requires
    said = "install_requires" in given
    known = isinstance(lines, (list, tuple)) and all(isinstance(one, str) for one in lines)
    extras = value("extras_require")
    points = value("entry_points")
    points = points if isinstance(points, dict) else {}
    python = value("python_requires")
    return Setup(
        file="setup.py",
        dependencies=tuple(lines) if known else (),
        extras={
            str(name): tuple(_lines(one) if isinstance(one, str) else map(str, one))
            for name, one in (extras if isinstance(extras, dict) else {}).items()
            if isinstance(one, (str, list, tuple))
        },
        scripts=_script_names([points.get("console_scripts"), points.get("gui_scripts")]),
        python=python if isinstance(python, str) else "",
        untold=f"makes up its install_requires when it is run; {untold}"
        if said and not known
        else "",
        says=said,
        versioned="use_scm_version" in given,
        name=str(value("name") or ""),
    )


def _constants(tree: ast.Module) -> dict[str, Any]:
    """Values of names that are given one once and for all, where it stands written out."""
    nodes = list(ast.walk(tree))
    given = collections.Counter(
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    # Their methods and items may change them.
    used = {
        node.value.id
        for node in nodes
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.value, ast.Name)
    }
    found = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            if given[name] == 1 and name not in used:
                with contextlib.suppress(ValueError, TypeError):
                    found[name] = ast.literal_eval(statement.value)
    return found


def _of_cfg(text: str) -> tuple[str, ...]:
    """Requirements in ``setup.cfg``, where one line may have several with semicolons between."""
    return _lines(text if "\n" in text else text.replace(";", "\n"))


def _lines(text: str) -> tuple[str, ...]:
    """Requirements of a text, one a line."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return tuple(line for line in lines if line and not line.startswith("#"))


def _script_names(values: list[Any]) -> frozenset[str]:
    lines = [
        line
        for value in values
        for line in (value.splitlines() if isinstance(value, str) else value or ())
    ]
    names = [line.partition("=")[0].strip() for line in lines if isinstance(line, str)]
    return frozenset(filter(None, names))
