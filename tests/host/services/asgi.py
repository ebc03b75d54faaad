"""A small application of ASGI: each path says something in another way."""

import asyncio
import logging
import os

log = logging.getLogger("uvicorn.error")


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    if scope["path"] == "/levels":
        for level in ("info", "warning", "error", "critical"):
            getattr(log, level)("logged at %s", level)
    elif scope["path"] == "/print":
        print("printed\nin two lines")
    elif scope["path"] == "/task":
        asyncio.create_task(failing())  # noqa: RUF006 - forgotten, as in many a program
    elif scope["path"] == "/raise":
        raise RuntimeError("raised by the application")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    body = os.environ.get("SHOP_SECRET", "here\n").encode()
    await send({"type": "http.response.body", "body": body})


async def failing():
    raise RuntimeError("raised in a task")
