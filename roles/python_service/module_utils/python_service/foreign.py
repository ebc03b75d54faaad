# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Text that somebody else wrote, made safe to show: journals, pip, answers, names of files.

All of it passes through here before it reaches an output, the history or a
result. A program that is being deployed may write whatever it likes, and a
terminal obeys escape sequences.
"""

from __future__ import annotations

import unicodedata

#: Bytes of one entry, and of all entries together, that a message may hold.
MOST_OF_AN_ENTRY = 2 * 1024
MOST_OF_A_MESSAGE = 20 * 1024
# Control, format (bidirectional ones among them), surrogate, private, line, paragraph.
_UNSAFE = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def printable(text: str) -> str:
    """``text`` in which nothing but newlines and tabs controls a terminal; escaped as Python does."""
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(
        character
        if character in "\n\t" or unicodedata.category(character) not in _UNSAFE
        else character.encode("unicode_escape").decode()
        for character in text
    )


def shortened(text: str, most: int = MOST_OF_AN_ENTRY) -> str:
    """``text`` as `printable` gives it, cut after ``most`` bytes."""
    # What is cut off is not worth escaping: an escape takes ten bytes at the most.
    data = printable(text[:most]).encode()
    if len(text) <= most and len(data) <= most:
        return data.decode()
    return f"{data[:most].decode(errors='ignore')} … ({len(text)} characters)"


def last_lines(lines: list[str], most: int = MOST_OF_A_MESSAGE) -> list[str]:
    """The last of ``lines``, each `shortened`, that together take at most ``most`` bytes."""
    kept: list[str] = []
    for line in reversed(lines):
        safe = shortened(line)
        most -= len(safe.encode()) + 1
        if most < 0:
            kept.append("…")
            break
        kept.append(safe)
    return kept[::-1]
