"""Answers with the release that it is of."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

Call = Callable[..., Awaitable[Any]]

VERSION = "0"
STATUS = 200
RELEASE = os.environ["PYTHON_SERVICE_RELEASE"].encode()


async def app(scope: dict[str, Any], receive: Call, send: Call) -> None:
    """The application: ASGI 3."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(RELEASE)).encode())]
    await send({"type": "http.response.start", "status": STATUS, "headers": headers})
    await send({"type": "http.response.body", "body": RELEASE})
