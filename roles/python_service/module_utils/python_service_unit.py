# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Text for systemd's unit files, by the rules of systemd.syntax(7).

What the role's user wrote goes into a unit through these functions alone. The
template holds the form of a unit, and no user's text is ever rendered as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jinja2


def text(value: str) -> str:
    """``value`` for a directive that expands specifiers but knows no quotes."""
    return value.replace("%", "%%")


def assignment(name: str, value: str) -> str:
    """One quoted ``NAME=value`` of ``Environment=``, which arrives as it is written.

    Source: systemd.exec(5), ``Environment=``: C escapes and specifiers are
    expanded there, and ``$`` means nothing.
    """
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return text(f'"{name}={quoted}"')


def option(value: Any) -> str:
    """A value of ``unit_options`` as systemd writes it: text, number or boolean."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def option_lines(options: Mapping[str, Any]) -> list[str]:
    """The lines of one section, in the order given; a list is one line an item."""
    lines = []
    for directive, value in options.items():
        values = value if isinstance(value, list) else [value]
        lines += [f"{directive}={option(item)}" for item in values]
    return lines


def render(template: str, **values: Any) -> str:
    """Render the text of a unit template; an unknown name in it is an error."""
    environment = jinja2.Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        # A unit file is neither HTML nor XML; the functions above quote for it.
        autoescape=False,  # noqa: S701
    )
    return environment.from_string(template).render(values)
