"""Under `auto` servers answer what they have accepted when they are told to end."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from lab import PROJECT

BEGIN = """
from systemd_handler import _auto; _auto.start()
import asyncio, socket

async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

async def answer(reader, writer):
    writer.write(b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
    return (await reader.read()).decode()

async def main():
    listener = socket.create_server(("127.0.0.1", 0))
"""
UVICORN = """
    import uvicorn
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve([listener]))
    while not server.started:
        await asyncio.sleep(0)
    client = await asyncio.open_connection(*listener.getsockname())
    while not server.server_state.connections:
        await asyncio.sleep(0)
    server.should_exit = True
    while server.servers[0].is_serving():
        await asyncio.sleep(0)
"""
HYPERCORN = """
    import hypercorn.asyncio, hypercorn.config
    from hypercorn.asyncio import tcp_server
    reads, ends = asyncio.Event(), asyncio.Event()
    read = tcp_server.TCPServer._read_data

    async def read_and_tell(self):
        reads.set()
        await read(self)

    tcp_server.TCPServer._read_data = read_and_tell
    config = hypercorn.config.Config()
    config.bind = [f"fd://{listener.fileno()}"]
    serving = asyncio.create_task(
        hypercorn.asyncio.serve(app, config, shutdown_trigger=ends.wait)
    )
    await asyncio.sleep(0)
    client = await asyncio.open_connection(*listener.getsockname())
    await reads.wait()
    ends.set()
    for _ in range(10):  # turns of the loop, until it knows
        await asyncio.sleep(0)
"""
END = """
    print(await answer(*client))
    await serving

asyncio.run(main())
"""


@pytest.mark.parametrize("server", [UVICORN, HYPERCORN], ids=["uvicorn", "hypercorn"])
def test_a_request_that_comes_after_its_connection_is_answered(server: str) -> None:
    package = PROJECT / "roles" / "python_service" / "files"
    result = subprocess.run(
        [sys.executable, "-c", BEGIN + server + END],
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("HTTP/1.1 200")
    assert result.stdout.endswith("ok\n")
