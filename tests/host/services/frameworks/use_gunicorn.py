import logging


def application(environ, start_response):
    logging.getLogger("shop").warning("late", extra={"order": 7})
    raise LookupError("no such order")
