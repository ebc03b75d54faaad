"""Texts of records: formatters, the way around the usual one, and what to say when it fails."""

from __future__ import annotations

import logging
import re
import traceback
from operator import attrgetter

from systemd_handler._context import OF_TRACES, context_fields

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from typing import Any, Callable

    Shortcut = tuple[logging.Formatter, str, str, Callable[[logging.LogRecord], tuple[Any, ...]]]

ATTRIBUTES = len(logging.Formatter().__dict__)
"""How many a plain formatter has; what a program puts there comes on top."""

# A field of a template, or a percent sign.
_FIELD = re.compile(r"%(?:%|\((\w+)\)[#0 +-]*\d*(?:\.\d+)?[a-zA-Z])")

# Of a trace the fields have names of their own.
_OWN_FIELDS = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName", *OF_TRACES}


class ExtraFormatter(logging.Formatter):
    """A formatter that adds what a record got as ``extra=`` or by `context`, after its message.

    ``log.info("paid", extra={"order": 7, "by": "A. B."})`` becomes
    ``paid order=7 by='A. B.'``. A text that would be hard to tell from what surrounds it
    is quoted as Python quotes it. Arguments are those of `logging.Formatter`.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = [f" {name}={_value(value)}" for name, value in extra_fields(record).items()]
        return super().formatMessage(record) + "".join(fields)


def extra_fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return what *record* belongs to, and its fields that `logging` does not make itself."""
    own = {name: value for name, value in record.__dict__.items() if name not in _OWN_FIELDS}
    if isinstance(own.get("extra"), dict):  # loguru hands on all of its own as one
        own.update(own.pop("extra"))
    return {**context_fields(record), **own}


def describe_failure(record: logging.LogRecord) -> str:
    """Return what to log when *record* could not be, in the handling of that exception."""
    try:
        call = f"message {record.msg!r}, arguments {record.args!r}"
    except Exception:
        call = "neither message nor arguments can be shown"
    place = f"Logging error at {record.pathname}:{record.lineno}, logger {record.name!r}"
    return f"{place}: {call}\n{traceback.format_exc()}".rstrip()


def shortcut_of(formatter: logging.Formatter | None) -> Shortcut | None:
    """Return a faster way to what *formatter* does, or None where only it knows.

    That is ``pattern % values(record)``, for a record without traceback and stack whose
    ``message`` is set. It fails where the formatter would fail or has a default. In front are
    the formatter and the template that it was made of.

    There is none for another class, another style, the time, and a template that is more
    than text and fields.
    """
    if formatter is None:
        formatter = logging.Formatter()  # as logging has it
    if type(formatter) is not logging.Formatter or len(formatter.__dict__) != ATTRIBUTES:
        return None
    style = formatter._style  # noqa: SLF001 - there is no public name for it
    if type(style) is not logging.PercentStyle:
        return None
    template: str = style._fmt  # noqa: SLF001 - likewise
    names = [name for name in _FIELD.findall(template) if name]
    if not names or any(name == "asctime" or hasattr(logging.LogRecord, name) for name in names):
        return None
    if "%" in _FIELD.sub("", template):
        return None
    pattern = _FIELD.sub(lambda field: field[0].replace(f"({field[1]})", "", 1), template)
    if len(names) == 1:  # attrgetter() makes no tuple of one
        return formatter, template, f"{pattern}%.0s", attrgetter(*names, "message")
    return formatter, template, pattern, attrgetter(*names)


def _value(value: object) -> str:
    text = str(value)
    plain = text.isprintable() and text and not any(mark in text for mark in " '\"=")
    return text if plain else repr(text)
