# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Text that somebody else wrote, made safe to show: journals, pip, answers, names of files.

All of it passes through here before it reaches an output, the history or a
result. A program that is being deployed may write whatever it likes, and a
terminal obeys escape sequences.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

#: Bytes of one entry, and of a message as a whole.
MOST_OF_AN_ENTRY = 2 * 1024
MOST_OF_A_MESSAGE = 20 * 1024
# Control, format (bidirectional ones among them), surrogate, private, line, paragraph.
_UNSAFE = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
#: What stands before the @ of a URL: a name, a token, a password.
_CREDENTIALS = re.compile(r"(?<=://)[^\s/@'\"]+(?=@)")
#: Characters of a secret that is not shown: a shorter one may be in any word.
SHORTEST_SECRET = 8
_secrets: list[str] = []
#: Bytes for the words that stand where something was cut out.
_CUT = 64


def hide(secrets: Iterable[str]) -> None:
    """Have nothing that passes through here show one of these from now on, nor a line of one."""
    lines = {line for secret in secrets for line in [secret, *secret.splitlines()]}
    long = {line for line in lines if len(line) >= SHORTEST_SECRET}
    _secrets[:] = sorted(long.union(_secrets), key=len, reverse=True)  # one may hold another


def _without_secrets(text: str) -> str:
    for secret in _secrets:
        text = text.replace(secret, "****")
    return _CREDENTIALS.sub("****", text)


def printable(text: str) -> str:
    """``text`` in which nothing but newlines and tabs controls a terminal, and no URL holds a password.

    What would is escaped as Python does it.
    """
    text = _without_secrets(text)
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(
        character
        if character in "\n\t" or unicodedata.category(character) not in _UNSAFE
        else character.encode("unicode_escape").decode()
        for character in text
    )


def shortened(text: str, most: int = MOST_OF_AN_ENTRY) -> str:
    """``text`` as `printable` gives it, in at most ``most`` bytes: its middle is cut out."""
    text = _without_secrets(text)  # before one is cut in two
    if len(text) <= most:
        data = printable(text).encode()
        if len(data) <= most:
            return data.decode()
    half = (most - _CUT) // 2
    head = printable(text[:half]).encode()[:half].decode(errors="ignore")
    last = printable(text[max(len(text) - half, 0) :]).encode()
    tail = last[max(len(last) - half, 0) :].decode(errors="ignore")
    return f"{head} … ({len(text)} characters) … {tail}"


def message(text: str) -> str:
    """``text`` as one message to a person, whatever it was put together from."""
    return shortened(text, MOST_OF_A_MESSAGE)


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
