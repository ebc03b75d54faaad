"""Texts of records: formatters, the way around the usual one, and what to say when it fails."""

from __future__ import annotations

import logging
import traceback

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from typing import Any

ATTRIBUTES = len(logging.Formatter().__dict__)
"""How many a plain formatter has; what a program puts there comes on top."""

_OWN_FIELDS = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"}


class ExtraFormatter(logging.Formatter):
    """A formatter that adds what a record got as ``extra=``, after its message.

    ``log.info("paid", extra={"order": 7, "by": "A. B."})`` becomes
    ``paid order=7 by='A. B.'``. A text that would be hard to tell from what surrounds it
    is quoted as Python quotes it. Arguments are those of `logging.Formatter`.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = [f" {name}={_value(value)}" for name, value in extra_fields(record).items()]
        return super().formatMessage(record) + "".join(fields)


def extra_fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields of *record* that `logging` does not make itself."""
    return {name: value for name, value in record.__dict__.items() if name not in _OWN_FIELDS}


def describe_failure(record: logging.LogRecord) -> str:
    """Return what to log when *record* could not be, in the handling of that exception."""
    try:
        call = f"message {record.msg!r}, arguments {record.args!r}"
    except Exception:
        call = "neither message nor arguments can be shown"
    place = f"Logging error at {record.pathname}:{record.lineno}, logger {record.name!r}"
    return f"{place}: {call}\n{traceback.format_exc()}".rstrip()


def template_of(formatter: logging.Formatter | None) -> str | None:
    """Return a text that, with ``% record.__dict__``, does what *formatter* does.

    For a record without traceback and stack, whose ``message`` is set. None where only
    the formatter itself knows: another class, another style, the time, default values.
    """
    if formatter is None:
        return "%(message)s"
    if type(formatter) is not logging.Formatter or len(formatter.__dict__) != ATTRIBUTES:
        return None
    style = formatter._style  # noqa: SLF001 - there is no public name for it
    if type(style) is not logging.PercentStyle or getattr(style, "_defaults", None):
        return None
    template: str = style._fmt  # noqa: SLF001 - likewise
    return None if "%(asctime)" in template else template


def _value(value: object) -> str:
    text = str(value)
    plain = text.isprintable() and text and not any(mark in text for mark in " '\"=")
    return text if plain else repr(text)
