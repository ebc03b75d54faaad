"""Escaped text is one harmless line and comes back exactly."""

from __future__ import annotations

import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from systemd_handler._escape import escape, escape_unsafe, unescape

# hypothesis leaves out lone surrogates unless asked; half of the text is made of what matters.
ANY_TEXT = st.text(st.characters()) | st.text(
    st.sampled_from("\\nrtxuU&01 \t\n\r\0\x1b\x7f\x85\u2028\u202e\ud800\udfff\ufffe\U0010ffff<3>é")
)

BIDIRECTIONAL = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def is_unsafe(char: str) -> bool:
    """Say what must never reach the journal, spelled out apart from the code under test."""
    code = ord(char)
    return (
        (code < 0x20 and char != "\t")
        or 0x7F <= code <= 0x9F
        or char in "\u2028\u2029"
        or char in BIDIRECTIONAL
        or 0xD800 <= code <= 0xDFFF
        or 0xFDD0 <= code <= 0xFDEF
        or code & 0xFFFE == 0xFFFE
    )


@given(ANY_TEXT)
@example("")
@example("\\&")
@example("\\")
@example("\\x41\\u2028\\U0010ffff")
@example("  ")
@example("a\t")
@example("\udc80\ud83d\ude00")
def test_every_text_comes_back(text: str) -> None:
    assert unescape(escape(text)) == text


@given(ANY_TEXT)
def test_an_escaped_text_survives_the_way_through_journald(text: str) -> None:
    line = escape(text)
    assert not any(is_unsafe(char) for char in line)
    assert line.encode().decode() == line
    assert line.rstrip(" \t\r\n") == line != ""


def test_exactly_the_unsafe_characters_change() -> None:
    # Followed by a letter, since white space changes at the end of a text.
    changed = {
        char for char in map(chr, range(sys.maxunicode + 1)) if escape(f"{char}z") != f"{char}z"
    }
    expected = {char for char in map(chr, range(sys.maxunicode + 1)) if is_unsafe(char)}
    assert changed == expected | {"\\"}


def test_every_character_comes_back() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    assert unescape(escape(everything)) == everything


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("", r"\&"),
        ("a\nb\r\n", r"a\nb\r\n"),
        ("C:\\temp", r"C:\\temp"),
        ("a\0<0>forged", r"a\x00<0>forged"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\u2028\ud800", r"\u2028\ud800"),
        ("\U0001fffe", r"\U0001fffe"),
        ("in\tside", "in\tside"),
        ("end\t", r"end\t"),
        ("end  ", r"end \x20"),
        ("<3>as text", "<3>as text"),
        ("Grüße, 世界 👋", "Grüße, 世界 👋"),
    ],
)
def test_how_a_person_sees_it(text: str, line: str) -> None:
    assert escape(text) == line


@pytest.mark.parametrize(
    "line", [r"\q", r"\x4", r"\xZZ", r"\u12", "\\", r"\U00110000", r"\U00200000"]
)
def test_what_is_no_escape_stays(line: str) -> None:
    assert unescape(line) == line


@given(ANY_TEXT)
def test_readable_text_keeps_newlines_and_backslashes(text: str) -> None:
    shown = escape_unsafe(text)
    assert not any(is_unsafe(char) and char != "\n" for char in shown)
    assert shown.count("\n") == text.count("\n")
    assert escape_unsafe("C:\\temp\n\tx\x1b") == "C:\\temp\n\tx\\x1b"
