"""A text that no line can hold is pieces, and comes together again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from systemd_handler._escape import escape, unescape
from systemd_handler._pieces import LARGEST, Joiner, cut

# What is cut falls between characters and escapes of every length.
PARTS = st.sampled_from(
    [
        "<0>",
        "ü",
        "世",
        "👍",
        "\n",
        "\\",
        "\\\\",
        "\x07",
        "\ud800",
        "\uffff",
        " ",
        "x",
        "[2/3] ",
        "\\&",
    ]
)
LONG = st.tuples(st.lists(PARTS, min_size=1, max_size=40), st.integers(1, 9_000)).map(
    lambda parts: "".join(parts[0]) * parts[1]
)


def pieces_of(text: str) -> list[str]:
    return [piece.decode() for piece in cut(escape(text).encode())]


@given(LONG)
@settings(max_examples=60, deadline=None)
def test_pieces_are_short_whole_and_come_together(text: str) -> None:
    pieces = pieces_of(text)
    assert all(len(f"<3>{piece}\n".encode()) <= LARGEST for piece in pieces)
    joiner = Joiner()
    texts = [whole for piece in pieces for whole, _ in joiner.add(piece)]
    assert [unescape(whole) for whole in texts] == [text]
    assert joiner.rest() == []
    if len(pieces) > 1:  # each is readable by itself: no cut inside an escape
        assert "".join(unescape(piece.split("] ", 1)[1]) for piece in pieces) == text


@pytest.mark.parametrize("length", range(LARGEST - 60, LARGEST + 60))
def test_the_longest_line_is_one_piece_and_a_longer_one_two(length: int) -> None:
    pieces = pieces_of("x" * length)
    assert all(len(piece) + 4 <= LARGEST for piece in pieces)
    assert "".join(pieces).count("x") == length


@pytest.mark.parametrize("first", ["", "x"])
def test_a_text_of_backslashes_alone_is_cut_between_pairs(first: str) -> None:
    text = first + "\\" * 100_000
    pieces = pieces_of(text)
    assert len(pieces) > 1
    assert all(piece.count("\\") % 2 for piece in pieces)  # and one for the end
    assert unescape("".join(piece.split("] ", 1)[1] for piece in pieces)) == text


def test_short_lines_pass_and_are_nobodys_pieces() -> None:
    joiner = Joiner()
    for text in ("[1/2] compiling", "[1/1] x", "[1/2] ends\\&", "", "[2/2] x"):
        line = escape(text)
        assert joiner.add(line) == [(line, None)]
    assert joiner.add(r"[1/1] x\&") == [(r"[1/1] x\&", None)]
    assert joiner.rest() == []


def test_pieces_of_several_writers_are_kept_apart() -> None:
    one, other = pieces_of("a" * 70_000), pieces_of("b" * 70_000)
    joiner = Joiner()
    found = []
    for left, right in zip(one, other):
        found += joiner.add(left, "first", writer=1)
        found += joiner.add("between", "line")
        found += joiner.add(right, "second", writer=2)
    assert [item for text, item in found if text != "between"] == ["first", "second"]
    assert [text[0] * len(text) for text, item in found if text != "between"] == [
        "a" * 70_000,
        "b" * 70_000,
    ]


def test_pieces_written_between_those_of_another_are_taken_for_themselves() -> None:
    # As when a signal handler logs.
    outer, inner = pieces_of("a" * 70_000), pieces_of("b" * 70_000)
    joiner = Joiner()
    lines = [outer[0], *inner, *outer[1:]]
    assert [text[0] for line in lines for text, _ in joiner.add(line)] == ["b", "a"]


def test_pieces_whose_others_are_lost_are_given_as_they_are() -> None:
    joiner = Joiner()
    first, _, third = pieces_of("a" * 70_000)
    assert joiner.add(first) == []
    assert joiner.add(third) == [(third, None)]
    assert joiner.rest() == [(first, None)]
    for _ in range(1000):  # and do not pile up
        joiner.add(first)
    assert len(joiner.rest()) < 100
