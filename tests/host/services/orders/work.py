"""Celery: what orders are shipped with, and when a report is made of them."""

import os
from pathlib import Path

from celery import Celery
from celery.utils.log import get_task_logger

STATE = Path(os.environ["STATE_DIRECTORY"])
log = get_task_logger(__name__)

queue = STATE / "queue"
queue.mkdir(exist_ok=True)
app = Celery("orders", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": str(queue),
    "data_folder_out": str(queue),
    "control_folder": str(STATE / "control"),
}
app.conf.beat_schedule = {"report": {"task": "work.report", "schedule": 1.0}}


@app.task
def ship(number: int) -> None:
    log.warning("order %d is shipped by %s", number, os.environ["PYTHON_SERVICE_INSTANCE"])
    (STATE / f"shipped-{number}").touch()


@app.task
def report() -> None:
    log.info("%d orders are shipped", len(list(STATE.glob("shipped-*"))))
