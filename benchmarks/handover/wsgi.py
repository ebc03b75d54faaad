"""Answers with the release that it is of."""

from __future__ import annotations

import os
from collections.abc import Callable

VERSION = "0"
STATUS = "200 OK"
RELEASE = os.environ["PYTHON_SERVICE_RELEASE"].encode()


def app(_environ: object, start_response: Callable[..., object]) -> list[bytes]:
    """The application: WSGI, PEP 3333."""
    start_response(STATUS, [("Content-Type", "text/plain"), ("Content-Length", str(len(RELEASE)))])
    return [RELEASE]
