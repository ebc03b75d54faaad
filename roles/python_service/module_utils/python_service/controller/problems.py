# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""How it is said what is wrong with a variable."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .manual import PREFIX

#: What systemd refuses in a unit file, or reads as the end of a line. Noncharacters are last.
_CONTROL = re.compile(
    "[\\x00-\\x08\\x0a-\\x1f\\x7f\\ud800-\\udfff\\ufdd0-\\ufdef"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
    + "]"
)


def problem(name: str, text: str) -> str:
    """One problem: the variable ``name``, given without its prefix, and what is wrong with it."""
    return f"{PREFIX}{name}: {text}"


def named(text: str, process: str) -> str:
    """A problem of a process, of which the variables of the further ones have longer names."""
    return f"{PREFIX}processes.{process}.{text[len(PREFIX) :]}" if process else text


def prepare_item(number: int) -> str:
    """What stands for a variable's name where one command of ``python_service_prepare`` is meant."""
    return f"prepare: item {number}"


def line_problems(name: str, value: str, where: str = "") -> Iterator[str]:
    """What keeps a text from standing in one line of a unit; ``where`` it is in the variable."""
    bad = _CONTROL.search(value)
    if bad:
        what = "a newline" if bad.group() in "\r\n" else f"the character {bad.group()!r}"
        yield problem(name, f"{where}contains {what}, which a unit cannot; leave it out")


def is_binary(value: Any) -> bool:
    """Whether a value is bytes, or a text that stands for bytes that are none."""
    if isinstance(value, (bytes, bytearray)):
        return True
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return True
    return False


def kind_of(value: Any) -> str:
    """What a value is, for a person who wrote YAML."""
    if value is None:
        return "empty"
    for kind, name in ((dict, "a dictionary"), (list, "a list"), (bool, "a boolean")):
        if isinstance(value, kind):
            return name
    return "a string" if isinstance(value, str) else "a number"
