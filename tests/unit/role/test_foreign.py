"""Text that somebody else wrote cannot steer a terminal, and does not fill it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from python_service.module_utils.python_service.foreign import last_lines, printable, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("naïve 漢 ✓", "naïve 漢 ✓"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("back\b\r\x00", "back\\x08\\r\\x00"),
        ("\u202eright to left", "\\u202eright to left"),
        ("\u2028line", "\\u2028line"),
        ("not-utf8-\udcff", "not-utf8-\\udcff"),
        ("private \ue000", "private \\ue000"),
        ("\x9b31m", "\\x9b31m"),
    ],
)
def test_what_would_steer_a_terminal_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_gets_through_that_is_no_visible_character(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert not [
        character
        for character in shown
        if unicodedata.category(character)[0] == "C"
        and unicodedata.category(character) != "Cn"
        and character not in "\n\t"
    ]


def test_a_long_text_is_cut_and_says_how_long_it_was() -> None:
    assert shortened("x" * 10, 10) == "x" * 10
    assert shortened("x" * 11, 10) == "xxxxxxxxxx … (11 characters)"


def test_a_cut_leaves_no_half_of_a_character() -> None:
    assert shortened("é" * 5, 5) == "éé … (5 characters)"


def test_what_grows_by_being_written_out_is_cut_as_well() -> None:
    assert shortened("\x1b" * 5, 10) == "\\x1b\\x1b\\x … (5 characters)"


def test_the_last_lines_are_kept_in_their_order() -> None:
    lines = [f"line {number}" for number in range(5)]
    assert last_lines(lines) == lines
    assert last_lines(lines, 14) == ["…", "line 3", "line 4"]
    assert last_lines(["\x1b[2J"]) == ["\\x1b[2J"]
