"""A small application of WSGI: each path says something in another way."""

import logging
import os
import signal
import warnings

logging.basicConfig(level=logging.DEBUG)
log = logging.getLogger("shop")


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/levels":
        for level in ("debug", "info", "warning", "error", "critical"):
            getattr(log, level)("logged at %s", level)
    elif path == "/caught":
        try:
            raise KeyError("caught by the application")
        except KeyError:
            log.exception("logged with a traceback")
    elif path == "/print":
        print("printed\nin two lines")
    elif path == "/warn":
        warnings.warn("warned of", stacklevel=1)
    elif path == "/raise":
        raise RuntimeError("raised by the application")
    elif path == "/exit":
        os._exit(9)
    elif path == "/fault":
        os.kill(os.getpid(), signal.SIGSEGV)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [os.environ.get("SHOP_SECRET", "here\n").encode()]
