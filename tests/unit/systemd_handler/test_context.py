"""What a record belongs to is in its text, or in fields of its entry."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

import pytest

import systemd_handler
from systemd_handler import ExtraFormatter

if TYPE_CHECKING:
    from unit.systemd_handler.conftest import Journal


def text(**attributes: object) -> str:
    record = logging.makeLogRecord({"msg": "paid", **attributes})
    return ExtraFormatter("%(message)s").format(record)


def test_what_is_bound_is_there_inside_and_not_outside() -> None:
    with systemd_handler.context(order=7):
        with systemd_handler.context(by="A. B.", order=8):
            assert text() == "paid order=8 by='A. B.'"
        assert text() == "paid order=7"
        assert text(order=9, item=1) == "paid order=9 item=1"
    assert text() == "paid"


def test_it_ends_where_it_is_left_by_an_exception() -> None:
    with pytest.raises(ZeroDivisionError), systemd_handler.context(order=7):
        raise ZeroDivisionError
    assert text() == "paid"


def test_tasks_have_their_own() -> None:
    async def work(order: int) -> str:
        with systemd_handler.context(order=order):
            await asyncio.sleep(0)
            return text()

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*(work(order) for order in range(3)))

    assert asyncio.run(all_of_them()) == [f"paid order={order}" for order in range(3)]


def test_the_trace_that_is_on_the_record_is_taken() -> None:
    on_record = {
        "otelTraceID": "4bf92f3577b34da6",
        "otelSpanID": "00f067aa",
        "otelServiceName": "x",
    }
    assert text(**on_record) == "paid trace_id=4bf92f3577b34da6 span_id=00f067aa otelServiceName=x"
    assert text(otelTraceID="0", otelSpanID="0") == "paid"


def test_what_loguru_hands_on_as_one_is_several() -> None:
    assert text(extra={"order": 7}) == "paid order=7"
    assert text(extra="late") == "paid extra=late"


def test_nothing_is_loaded_for_it() -> None:
    text()
    assert not {"structlog", "opentelemetry"} & sys.modules.keys()


def test_under_the_journal_it_is_in_the_entry(journal: Journal) -> None:
    program = (
        "import logging, systemd_handler\n"
        "systemd_handler.install(extra=True)\n"
        "with systemd_handler.context(order=7): logging.info('paid')\n"
    )
    journal.run(program)
    assert journal.entries() == [(6, "root: paid order=7")]
