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

#: In so many turns of the loop after a server was told to end, somebody connects, once in each.
_TURNS = 12
TOLD_UVICORN = """
    import uvicorn
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
    told, on_tick = asyncio.Event(), server.on_tick

    async def take_turns_and_end(counter):
        if server.started:
            server.should_exit = True
            told.set()
            for _ in range(3):
                await asyncio.sleep(0)
        return await on_tick(counter)

    server.on_tick = take_turns_and_end
    serving = asyncio.create_task(server.serve([listener.dup()]))
    await told.wait()
"""
TOLD_HYPERCORN = """
    import hypercorn.asyncio, hypercorn.config
    ends, started = asyncio.Event(), asyncio.Event()
    config = hypercorn.config.Config()
    config.bind = [f"fd://{listener.dup().detach()}"]
    config.errorlog = None

    async def told():
        started.set()
        await ends.wait()

    serving = asyncio.create_task(hypercorn.asyncio.serve(app, config, shutdown_trigger=told))
    await started.wait()
    ends.set()
"""
#: As its command line does it.
TOLD_HYPERCORN_WITH_SOCKETS = TOLD_HYPERCORN.replace(
    "hypercorn.asyncio.serve(app, config, ",
    "hypercorn.asyncio.run.worker_serve(wrap_app(app, 1, 'asgi'), config, sockets=config.create_sockets(), ",
).replace("import hypercorn", "from hypercorn.utils import wrap_app; import hypercorn", 1)
CONNECT = """
    for _ in range(turns):
        await asyncio.sleep(0)
    client = socket.create_connection(listener.getsockname())
    client.sendall(b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
    await serving
    listener.setblocking(False)
    try:
        listener.accept()
    except BlockingIOError:  # the server has taken it
        client.setblocking(False)
        print(turns, client.recv(9999).partition(b"\\r")[0].decode())
    else:
        print(turns, "waits for the next server")

import sys
for turns in range(int(sys.argv[1])):
    asyncio.run(main())
"""


WAITRESS = """
from systemd_handler import _auto; _auto.start()
import os, select, signal, socket, sys, threading, time
import waitress, waitress.server
from systemd_handler import _draining

arrived, ends = threading.Event(), threading.Event()

class Clock:  # of the server's end: it stands still until the moment is to be over
    now, looks = 0.0, 0
    def monotonic(self):
        self.looks += 1
        return self.now

clock = _draining.time = Clock()

def at_work():
    channels = [channel for one in servers for channel in list(one.active_channels.values())]
    return sum(bool(channel.requests) for channel in channels)

def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        arrived.set()
        ends.wait()
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
addresses = [one.getsockname() for one in listeners]
server = waitress.create_server(app, sockets=listeners, threads=1)
every = list(server.map.values()) if len(listeners) > 1 else [server]
servers = [one for one in every if isinstance(one, waitress.server.BaseWSGIServer)]

def connect(path=None):
    before = sum(len(one.active_channels) for one in servers)
    client = socket.create_connection(addresses[-1])
    while sum(len(one.active_channels) for one in servers) == before:
        pass
    if path:
        client.sendall(f"GET {path} HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n".encode())
    return client

def answer(client):
    text = ""
    while not text.endswith("ok"):
        part = client.recv(9999).decode()
        if not part:
            return "closed"
        text += part
    return text.split()[1]

def ask():
    kept = connect("/")
    print("kept:", answer(kept))
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writes, b"x")
        while True:
            time.sleep(0.01)
    os.read(reads, 1)
    os.kill(child, signal.SIGTERM)
    print("child ended by signal:", os.waitpid(child, 0)[1])
    slow = connect("/slow")
    arrived.wait()
    new = connect()
    os.kill(os.getpid(), signal.SIGTERM)
    while any(one.accepting for one in servers) or clock.looks < 10:  # some turns of its loop
        pass
    new.sendall(b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
    while at_work() < 2 and select.select([new], [], [], 0)[0] == []:  # which tells of its end
        pass
    clock.now = 1.0
    print("kept and idle:", answer(kept))
    ends.set()
    print("slow:", answer(slow))
    print("new, which waited for the slow one:", answer(new))

asking = threading.Thread(target=ask)
asking.start()
server.run()
asking.join()
print("ended")
"""
WAITRESS_TOLD = """kept: 200
child ended by signal: 15
kept and idle: closed
slow: 200
new, which waited for the slow one: 200
ended
"""


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    package = PROJECT / "roles" / "python_service" / "files"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("server", [UVICORN, HYPERCORN], ids=["uvicorn", "hypercorn"])
def test_a_request_that_comes_after_its_connection_is_answered(server: str) -> None:
    result = _run(BEGIN + server + END)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("HTTP/1.1 200")
    assert result.stdout.endswith("ok\n")


@pytest.mark.parametrize(
    "server",
    [TOLD_UVICORN, TOLD_HYPERCORN, TOLD_HYPERCORN_WITH_SOCKETS],
    ids=["uvicorn", "hypercorn", "hypercorn with sockets"],
)
def test_whoever_connects_while_it_closes_is_answered_or_waits_for_the_next(server: str) -> None:
    result = _run(BEGIN + server + CONNECT, str(_TURNS))
    assert result.returncode == 0, result.stderr
    told = [line.partition(" ")[2] for line in result.stdout.splitlines()]
    answered = sum(words.startswith("HTTP/1.1 200 ") for words in told)
    waits = told.count("waits for the next server")
    assert 0 < answered < _TURNS == answered + waits, result.stdout


@pytest.mark.parametrize("sockets", ["1", "2"])
def test_waitress_drains_at_sigterm(sockets: str) -> None:
    result = _run(WAITRESS, sockets)
    assert result.returncode == 0, result.stderr
    assert result.stdout == WAITRESS_TOLD


def test_a_program_that_has_a_handler_for_sigterm_keeps_it() -> None:
    own = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\n"
    ends = "lambda: [answer(connect('/')), os.kill(os.getpid(), signal.SIGTERM)]"
    result = _run(
        WAITRESS.replace("asking = ", f"{own}asking = ").replace("target=ask", f"target={ends}"),
        "1",
    )
    assert (result.returncode, result.stdout) == (0, "ended\n"), result.stderr


def test_a_hypercorn_that_works_otherwise_is_left_alone() -> None:
    program = """
import types
from systemd_handler import _draining
class Context:
    def __init__(self): self.terminated = False  # as before 0.14
module = types.ModuleType("hypercorn.asyncio.run")
module.WorkerContext, module.worker_serve = Context, None
_draining.watch(module)
print(Context().terminated)
"""
    result = _run(program)
    assert (result.returncode, result.stdout) == (0, "False\n"), result.stderr


def test_a_waitress_that_works_otherwise_is_left_alone() -> None:
    program = """
import types
from systemd_handler import _draining
class Server:
    def run(self): pass
module = types.ModuleType("waitress.server")
module.BaseWSGIServer = module.MultiSocketServer = Server
module.HTTPChannel = type("HTTPChannel", (), {})
before = Server.run
_draining.watch(module)
print(Server.run is before)
"""
    result = _run(program)
    assert (result.returncode, result.stdout) == (0, "True\n"), result.stderr
