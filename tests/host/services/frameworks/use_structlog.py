import events  # noqa: F401 - it sets up structlog
import structlog
from opentelemetry import trace

structlog.contextvars.bind_contextvars(order=7)
present = trace.SpanContext(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7, is_remote=False)
log = structlog.get_logger("shop")
log.info("begun")
with trace.use_span(trace.NonRecordingSpan(present)):
    log.warning("late")
try:
    {}["no such order"]
except LookupError:
    log.exception("failed")
