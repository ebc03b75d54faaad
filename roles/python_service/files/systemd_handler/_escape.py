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

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    import re

# First and last codes of what is unsafe.
_UNSAFE = (
    *((0x00, 0x08), (0x0B, 0x1F), (0x7F, 0x9F)),  # C0 without tab and newline, DEL, C1
    (0x2028, 0x2029),  # separators
    *((0x061C, 0x061C), (0x200E, 0x200F), (0x202A, 0x202E), (0x2066, 0x2069)),  # bidirectional
    (0xD800, 0xDFFF),  # surrogates
    (0xFDD0, 0xFDEF),  # noncharacters
    *((plane | 0xFFFE, plane | 0xFFFF) for plane in range(0, 0x110000, 0x10000)),
)
_ESCAPED = r"\\(?:[\\nrt&]|x([0-9a-f]{2})|u([0-9a-f]{4})|U(000[0-9a-f]{5}|0010[0-9a-f]{4}))"
_SHORT = {r"\\": "\\", r"\n": "\n", r"\r": "\r", r"\t": "\t", r"\&": ""}

_escapes: dict[int, str] = {}  # by the code of what is unsafe, once something was


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
    import re  # slow to import, and who writes never gets here

    return re.sub(_ESCAPED, _unescape_one, line)


def escape_unsafe(text: str) -> str:
    """Return *text* with newlines, tabs and backslashes as they are, and the rest made safe.

    For terminals and files, where people want real newlines: what a record carries
    cannot steer a terminal. There is no way back.
    """
    # Nothing unsafe is printable, and isprintable() is many times faster than a search.
    return text if text.isprintable() else text.translate(_escapes or _make_escapes())


def _make_escapes() -> dict[int, str]:
    global _escapes
    _escapes = {
        code: _escape_of(code) for first, last in _UNSAFE for code in range(first, last + 1)
    }
    return _escapes


def _escape_of(code: int) -> str:
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
