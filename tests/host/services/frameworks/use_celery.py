import logging

import celery.signals
from work import app

app.conf.update(broker_url="memory://", result_backend="cache+memory://")


@app.task
def pay():
    logging.getLogger("shop").warning("late", extra={"order": 7})
    raise LookupError("no such order")


@celery.signals.worker_ready.connect
def begin(**_):
    pay.delay()
