# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""A single script that says in a comment what it needs: PEP 723, "Inline script metadata"."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import tomllib

from ...errors import ServiceError
from ..problems import problem
from .project import elsewhere, table

#: As the specification has it.
_BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")


class Script(NamedTuple):
    """Requirement lines of a script, the Pythons it is for, and why the lines are not all of it."""

    dependencies: tuple[str, ...]
    python: str = ""
    untold: str = ""


def read_script(path: str) -> Script | None:
    """What a script says that it needs; None where it has no such comment.

    Raises `ServiceError` for a comment that does not say it as it should.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError):
        return None  # Python will say what is wrong with it
    blocks = [match for match in _BLOCK.finditer(text) if match["type"] == "script"]
    if not blocks:
        return None
    if len(blocks) > 1:
        raise _bad(path, "has two of its '# /// script' comments; leave one")
    lines = blocks[0]["content"].splitlines()
    content = _toml(path, "\n".join(line[2:] if line[1:2] == " " else line[1:] for line in lines))
    needed, python = content.get("dependencies", []), content.get("requires-python", "")
    if not isinstance(needed, list) or not all(isinstance(one, str) for one in needed):
        raise _bad(path, "has dependencies that are no list of texts; write such as ['flask>=3']")
    if not isinstance(python, str):
        raise _bad(path, "has a requires-python that is no text; write such as '>=3.11'")
    other = next(elsewhere(table(content, "tool")), "")
    untold = f"says by {other} where they come from; run 'uv lock --script {path}'" if other else ""
    return Script(tuple(needed), python, untold)


def _toml(path: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _bad(path, f"has a '# /// script' comment that is no TOML ({error})") from error


def _bad(path: str, words: str) -> ServiceError:
    return ServiceError(problem("src", f"{path} {words}"))
