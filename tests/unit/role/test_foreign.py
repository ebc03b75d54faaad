"""Text that somebody else wrote cannot steer a terminal, and does not fill it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from python_service.module_utils.python_service.foreign import (
    last_lines,
    message,
    printable,
    shortened,
)


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


def test_of_a_long_text_the_middle_is_cut_and_how_long_it_was_is_said() -> None:
    assert shortened("x" * 100, 100) == "x" * 100
    assert shortened("x" * 100 + "y", 100) == f"{'x' * 18} … (101 characters) … {'x' * 17}y"


@given(st.text(st.characters(exclude_categories=())), st.integers(64, 200))
@example("\x1f" * 17, 64)
def test_a_shortened_text_is_no_longer_than_allowed(text: str, most: int) -> None:
    assert len(shortened(text, most).encode()) <= most


@pytest.mark.parametrize(
    "text",
    [
        "https://__token__:s3cret@host/simple",
        "git+ssh://s3cret@host/repository",
        f"{'x' * 2000} https://user:s3cret{'t' * 200}@host/ {'y' * 2000}",
    ],
)
def test_a_url_shows_no_credentials(text: str) -> None:
    for shown in (printable(text), shortened(text), message(text), *last_lines([text])):
        assert "s3cret" not in shown
        assert "****@host" in shown or "…" in shown


def test_a_message_is_cut_as_a_whole() -> None:
    assert len(message("line\n" * 100_000).encode()) <= 20 * 1024


def test_the_last_lines_are_kept_in_their_order() -> None:
    lines = [f"line {number}" for number in range(5)]
    assert last_lines(lines) == lines
    assert last_lines(lines, 14) == ["…", "line 3", "line 4"]
    assert last_lines(["\x1b[2J"]) == ["\\x1b[2J"]
