"""Answers with a number every now and then, for some seconds, by WSGI and by ASGI; there in a websocket as well."""

import asyncio
import time

COUNT, PAUSE = 40, 0.2
VERSION = "one"


def wsgi(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] != "/stream":
        return [VERSION.encode()]
    return numbers()


def numbers():
    for number in range(COUNT):
        yield f"{number}\n".encode()
        time.sleep(PAUSE)


async def asgi(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        for number in range(COUNT):
            await send({"type": "websocket.send", "text": f"{number}\n"})
            await asyncio.sleep(PAUSE)
        await send({"type": "websocket.close"})
        return
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] != "/stream":
        await send({"type": "http.response.body", "body": VERSION.encode()})
        return
    for number in range(COUNT):
        body = f"{number}\n".encode()
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await asyncio.sleep(PAUSE)
    await send({"type": "http.response.body", "body": b""})
