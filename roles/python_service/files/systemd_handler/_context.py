"""What a record belongs to, besides what it says: an order, a user, a trace.

Bound here, by structlog or by OpenTelemetry, of which nothing is loaded for it. Source for
the identifiers of a trace: W3C Trace Context, ``trace-id`` and ``parent-id``.
"""

from __future__ import annotations

import contextlib
import sys
from contextvars import ContextVar

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

_bound: ContextVar[Mapping[str, object]] = ContextVar("systemd_handler.context")

#: Attributes that OpenTelemetry's instrumentation of `logging` puts on a record, and their fields.
OF_TRACES = {"otelTraceID": "trace_id", "otelSpanID": "span_id"}
#: What is there outside of a trace.
_NO_TRACE = ("0", "")


class context:  # noqa: N801 - used as a function is, as those of contextlib
    """Add fields to all records that are logged inside, also by what is called from there.

    A context manager::

        with systemd_handler.context(order=7):
            log.info("paid")

    The fields are those of ``extra=``: in the text where a handler has an `ExtraFormatter`,
    fields of the entry where it is a `NativeHandler`. One inside another adds to it. They follow
    `contextvars`: a task of asyncio has those of whoever made it; a thread begins with none, but
    in free-threaded Python with those of whoever started it.
    """

    def __init__(self, **fields: object) -> None:
        self._fields = fields

    def __enter__(self) -> None:
        self._token = _bound.set({**_bound.get({}), **self._fields})

    def __exit__(self, *_: object) -> None:
        _bound.reset(self._token)


def context_fields(record: logging.LogRecord) -> dict[str, object]:
    """Return what *record* belongs to: what was bound where it is handled, and its trace."""
    fields = {**_by_structlog(), **_bound.get({})}
    trace = {
        field: getattr(record, name)
        for name, field in OF_TRACES.items()
        if getattr(record, name, "0") not in _NO_TRACE
    }
    return {**fields, **(trace or _present_trace())}


def _by_structlog() -> Mapping[str, object]:
    module = sys.modules.get("structlog.contextvars")
    fields: dict[str, object] = {}
    if module is not None:
        with contextlib.suppress(Exception):  # one that is not the module, or not whole yet
            fields.update(module.get_contextvars())
    return fields


def _present_trace() -> dict[str, object]:
    module = sys.modules.get("opentelemetry.trace")
    if module is None:
        return {}
    fields: dict[str, object] = {}
    with contextlib.suppress(Exception):  # likewise
        present = module.get_current_span().get_span_context()
        if present.is_valid:
            fields["trace_id"] = f"{present.trace_id:032x}"
            fields["span_id"] = f"{present.span_id:016x}"
    return fields
