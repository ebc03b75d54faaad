"""Texts of records: formatters, the way around the usual one, and what to say when it fails."""

from __future__ import annotations

import functools
import logging
import re
import traceback
from operator import attrgetter

from systemd_handler._context import OF_TRACES, context_fields

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from typing import Any, Callable

    Values = Callable[[logging.LogRecord], tuple[Any, ...]]
    Shortcut = tuple[logging.Formatter, str, str, Values]

_PLAIN = logging.Formatter()  # as logging has it where a handler has none
ATTRIBUTES = len(_PLAIN.__dict__)
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


def text_of(handler: logging.Handler, record: logging.LogRecord) -> str:
    """Return what ``handler.format(record)`` does, where that is logging's own method.

    Without its seven calls where that is possible: not for another class of formatter,
    another style, the time, a traceback, nor for a field that the record lacks.
    """
    formatter = handler.formatter or _PLAIN
    if (
        type(formatter) is logging.Formatter
        # Programs change a formatter in use, and put functions of their own on it.
        and len(formatter.__dict__) == ATTRIBUTES
        and not (record.exc_info or record.exc_text or record.stack_info)
    ):
        style = formatter._style  # noqa: SLF001 - there is no public name for it
        if type(style) is logging.PercentStyle:
            pattern, values = _shortcut_of(style._fmt)  # noqa: SLF001 - likewise
            if values is not None:
                record.message = record.getMessage()
                try:
                    return pattern % values(record)
                except Exception:  # as for that field: format() says it
                    return handler.format(record)
    return _text_of_another(handler, record)


def _text_of_another(handler: logging.Handler, record: logging.LogRecord) -> str:
    if type(handler.formatter) is ExtraFormatter:
        return handler.format(record)
    handler.acquire()  # another class may count on the lock
    try:
        return handler.format(record)
    finally:
        handler.release()


def shortcut_of(formatter: logging.Formatter | None) -> Shortcut | None:
    """Return what `text_of` finds out about *formatter*, for a handler that keeps it.

    In front of pattern and values are the formatter and the template that they were made of.
    """
    formatter = formatter or _PLAIN
    if type(formatter) is not logging.Formatter or len(formatter.__dict__) != ATTRIBUTES:
        return None
    style = formatter._style  # noqa: SLF001 - there is no public name for it
    if type(style) is not logging.PercentStyle:
        return None
    template: str = style._fmt  # noqa: SLF001 - likewise
    pattern, values = _shortcut_of(template)
    return None if values is None else (formatter, template, pattern, values)


@functools.lru_cache(maxsize=64)
def _shortcut_of(template: str) -> tuple[str, Values | None]:
    """Return ``pattern`` and ``values``, of which ``pattern % values(record)`` is the text.

    For a record whose ``message`` is set; it fails where the formatter would fail or has a
    default. Without ``values`` there is no shortcut: with the time, and for a template that
    is more than text and fields.
    """
    names = [name for name in _FIELD.findall(template) if name]
    pattern = _FIELD.sub(lambda field: field[0].replace(f"({field[1]})", "", 1), template)
    if (
        not names
        or any(name == "asctime" or hasattr(logging.LogRecord, name) for name in names)
        or "%" in _FIELD.sub("", template)
    ):
        return pattern, None
    if len(names) == 1:  # attrgetter() makes no tuple of one
        return f"{pattern}%.0s", attrgetter(*names, "message")
    return pattern, attrgetter(*names)


def _value(value: object) -> str:
    text = str(value)
    plain = text.isprintable() and text and not any(mark in text for mark in " '\"=")
    return text if plain else repr(text)
