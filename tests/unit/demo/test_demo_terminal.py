"""What a person sees who runs the service by hand."""

from __future__ import annotations

import logging

import pytest

from demo.logs import LEVELS, TerminalFormatter


def formatted(level: int, *, colours: bool) -> str:
    record = logging.LogRecord("demo", level, __file__, 1, "hello", None, None)
    return TerminalFormatter(colours=colours).format(record)


@pytest.mark.parametrize("level", LEVELS.values())
def test_plain_lines_hold_no_escapes(level: int) -> None:
    assert "\x1b" not in formatted(level, colours=False)


@pytest.mark.parametrize("level", LEVELS.values())
def test_coloured_lines_are_the_plain_ones_with_colour(level: int) -> None:
    line = formatted(level, colours=True)
    assert line.count("\x1b[") == 2
    assert line.endswith("\x1b[0m hello")


def test_error_and_warning_look_different() -> None:
    assert (
        formatted(logging.ERROR, colours=True)[9:14]
        != (formatted(logging.WARNING, colours=True)[9:14])
    )
