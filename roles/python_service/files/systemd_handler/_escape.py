r"""Text as one line that the journal keeps whole and shows as text.

journald ends an entry at a newline and at a NUL, strips white space at the end of
a line and drops blank lines. journalctl prints an entry with other control
characters, lone surrogates or Unicode's noncharacters (such as U+FFFE) as
``[5B blob data]``. Line separators and bidirectional controls pass both, and then
mislead terminals and parsers.

`escape` writes all of these in the notation of Python's string literals, and
`unescape` undoes it exactly. An empty text is ``\&``, which is how Haskell writes
the empty string inside a literal.

Source for what journalctl calls text: systemd's ``src/basic/utf8.c``.
"""

from __future__ import annotations

import re

_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and newline, DEL, C1
_SEPARATORS = r"\u2028\u2029"
_BIDIRECTIONAL = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_SURROGATES = r"\ud800-\udfff"
_NONCHARACTERS = r"\ufdd0-\ufdef" + "".join(
    rf"\U{plane:04x}fffe\U{plane:04x}ffff" for plane in range(0x11)
)
_UNSAFE = re.compile(f"[{_CONTROLS}{_SEPARATORS}{_BIDIRECTIONAL}{_SURROGATES}{_NONCHARACTERS}]")
_ESCAPED = re.compile(
    r"\\(?:[\\nrt&]|x([0-9a-f]{2})|u([0-9a-f]{4})|U(000[0-9a-f]{5}|0010[0-9a-f]{4}))"
)
_SHORT = {r"\\": "\\", r"\n": "\n", r"\r": "\r", r"\t": "\t", r"\&": ""}


def escape(text: str) -> str:
    """Return *text* as one line, from which `unescape` makes the same text again.

    Any string is accepted, lone surrogates included; the result always has a UTF-8
    form. Text with nothing to escape is returned as it is.
    """
    text = escape_unsafe(text.replace("\\", "\\\\").replace("\n", "\\n"))
    last = text[-1:]
    if last == " ":
        return text[:-1] + r"\x20"
    if last == "\t":
        return text[:-1] + r"\t"
    return text or r"\&"


def unescape(line: str) -> str:
    r"""Return the text from which `escape` made *line*.

    A backslash that begins none of the escapes stands for itself, so lines that other
    programs wrote mostly come through unchanged.
    """
    return _ESCAPED.sub(_unescape_one, line)


def escape_unsafe(text: str) -> str:
    """Return *text* with newlines, tabs and backslashes as they are, and the rest made safe.

    For terminals and files, where people want real newlines: what a record carries
    cannot steer a terminal. There is no way back.
    """
    # Nothing unsafe is printable, and isprintable() is many times faster than a search.
    return text if text.isprintable() else _UNSAFE.sub(_escape_one, text)


def _escape_one(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code == 0x0D:
        return r"\r"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"


def _unescape_one(match: re.Match[str]) -> str:
    if match.lastindex is None:
        return _SHORT[match[0]]
    return chr(int(match[match.lastindex], 16))
