import logging

from web_fastapi import app


@app.get("/pay")
def pay():
    logging.getLogger("shop").warning("late", extra={"order": 7})
    raise LookupError("no such order")
