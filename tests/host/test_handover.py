"""Upgrades under load: no request fails, and what is bad about a release meets nobody."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab import PROJECT
from lab.commands import check
from lab.deploys import Player, Run, Service, prefixed, role_task
from lab.under_load import ANEW, FAR, KEPT, under_load
from lab.wheels import SERVICES, requirements
from testinfra.host import Host

HOSTS = ["debian-12", "debian-13-full"]
PORT = 8480
VARIABLES: dict[str, Any] = {
    "name": "shop",
    "command": "python -m demo",
    "type": "notify",
    "listen": [f"127.0.0.1:{PORT}"],
    "health": {"url": f"http://127.0.0.1:{PORT}/healthz", "timeout": 10},
    "unit_options": {"Service": {"TimeoutStartSec": 10}},
}
RATE = 100
#: What is wrong with a release, by a line that the program begins with, and words of the error.
BAD = {
    "it ends": ("raise SystemExit(7)", "exit status 7"),
    "it is never ready": ("import time; time.sleep(1000)", "result timeout"),
    "it answers 500": (
        "import demo.web; demo.web.RequestHandler._work = lambda *_: (500, 'bad')",
        "answers 500",
    ),
    "it ends after a moment": (
        "import os, threading; threading.Timer(0.9, os._exit, [9]).start()",
        "exit status 9",
    ),
}


class Shop:
    """The demo as a service behind a socket, whose version tests change."""

    def __init__(self, host: Host, player: Player, source: Path) -> None:
        self.host = host
        self.service = Service(host, "shop")
        self._player = player
        self._source = source

    def deploy(self, version: str, begins: str = "", **changes: Any) -> tuple[Run, dict[str, Any]]:
        """Deploy a version; the run, and python_service_result."""
        main = PROJECT / "service_src" / "demo" / "__main__.py"
        text = main.read_text().replace("import logging\n", f"{begins}\nimport logging\n", 1)
        (self._source / "demo" / "__main__.py").write_text(f"{text}# {version}\n")
        given = {**VARIABLES, "src": str(self._source), **changes}
        show = {"name": "Result", "ansible.builtin.debug": {"var": "python_service_result"}}
        run = self._player.play([{"block": [role_task()], "always": [show]}], **prefixed(given))
        (shown,) = [found for name, found in run.tasks if name == "Result"]
        return run, shown["python_service_result"]

    def good(self, version: str, **changes: Any) -> dict[str, Any]:
        run, result = self.deploy(version, **changes)
        run.succeeded()
        return result

    def under_load(self) -> AbstractContextManager[list[dict[str, Any]]]:
        """Have requests sent meanwhile; afterwards the list has what came of them."""
        return under_load(self.host.backend.name, PORT, RATE, ANEW, KEPT, FAR)

    def left(self) -> list[str]:
        """What is there of units that are to be there for a moment alone."""
        files = self.host.check_output("ls /run/systemd/system").split()
        units = self.host.check_output("systemctl list-units --all --plain --no-legend 'shop*'")
        return [word for word in [*files, *units.split()] if "@" in word and "shop" in word]


@pytest.fixture
def shop(host: Host, player: Player, tmp_path: Path) -> Iterator[Shop]:
    shutil.copytree(PROJECT / "service_src", tmp_path / "source")
    yield Shop(host, player, tmp_path / "source")
    player.role(name="shop", state="absent", remove_data=True).succeeded()


def answers(told: list[dict[str, Any]]) -> set[str]:
    """What was answered; every request was."""
    requests = [request for one in told for request in one["requests"]]
    assert len(requests) > 100
    assert [request for request in requests if request[3] is None] == []
    return {str(request[3]) for request in requests}


def releases(told: list[dict[str, Any]]) -> set[str]:
    """The releases that answered; every request was answered."""
    return {json.loads(answer)["release"] for answer in answers(told)}


def test_upgrades_under_load_fail_no_request(shop: Shop) -> None:
    first = shop.good("one")
    assert first["handover"] == "not used for shop.service: it did not run"
    pid = shop.service.pid
    with shop.under_load() as told:
        second = shop.good("two")
        third = shop.good("three", secrets={"KEY": "new"})
        assert shop.host.file("/run/shop").is_directory
        own = {"unit_options": {"Service": {"RuntimeDirectory": "shop-own"}}}
        fourth = shop.good("three", secrets={"KEY": "new"}, **own)
        assert shop.host.file("/run/shop-own").is_directory
    assert [one["handover"] for one in (second, third, fourth)] == ["used"] * 3
    assert releases(told) == {one["release"] for one in (first, second, third, fourth)}
    assert shop.service.pid != pid
    assert shop.left() == []
    again = shop.good("three", secrets={"KEY": "new"}, **own)
    assert (again["changed"], again["handover"].split(":")[0]) == (False, "not needed")


def test_bad_releases_under_load_fail_no_request(shop: Shop) -> None:
    good = shop.good("one")["release"]
    pid = shop.service.pid
    with shop.under_load() as told:
        for fault, (line, words) in BAD.items():
            run, result = shop.deploy(fault, line)
            assert run.status != 0, fault
            assert words in run.message
            assert f"Release {good} runs on, and was not touched." in run.message
            assert (result["release"], result["rolled_back"], result["restarted"]) == (
                good,
                False,
                False,
            )
        run, result = shop.deploy(
            "beside", processes={"worker": {"command": "python -c 'raise SystemExit(5)'"}}
        )
        assert f"Release {good} runs again." in run.message
        assert result["rolled_back"]
    beside = releases(told) - {good}
    # It had been found good by itself, and went back with the rest.
    assert len(beside) <= 1
    assert shop.service.pid != pid
    assert shop.left() == []


@contextmanager
def memory(host: Host, more: int) -> Iterator[None]:
    """Let the host use only so many more bytes than it does."""
    name = host.backend.name
    words = ["docker", "update", "--memory-swap", "-1", "--memory"]
    told = check(["docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", name])
    used = float(re.match(r"[\d.]+(?=MiB)", told)[0])  # type: ignore[index]
    check([*words, str(int(used * (1 << 20)) + more), name])
    try:
        yield
    finally:
        check([*words, str(1 << 40), name])


def test_where_memory_is_short_the_old_one_serves_on(shop: Shop) -> None:
    run, result = shop.deploy("one", f"much = b'x' * {300 << 20}")
    good, pid = result["release"], shop.service.pid
    with memory(shop.host, 100 << 20), shop.under_load() as told:
        run, result = shop.deploy("two", f"much = b'x' * {200 << 20}")
    assert "as the kernel does where memory is short" in run.message
    assert f"Release {good} runs on, and was not touched." in run.message
    assert result["release"] == good
    assert releases(told) == {good}
    assert shop.service.pid == pid


def test_where_two_cannot_run_at_once_one_waits_for_the_other(shop: Shop) -> None:
    lock = (
        "import fcntl, os; lock = open(os.environ['STATE_DIRECTORY'] + '/lock', 'w')\n"
        "fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)"
    )
    shop.deploy("one", lock)[0].succeeded()
    run, _ = shop.deploy("two", lock)
    assert "BlockingIOError" in run.message
    with shop.under_load() as told:
        run, result = shop.deploy("two", lock, handover=False)
        run.succeeded()
    releases(told)
    assert result["handover"] == "not used for shop.service: its handover is false"


def test_sockets_that_are_shared_do_not_block(host: Host, player: Player, tmp_path: Path) -> None:
    """One process would wait for the next connection when the other has taken this one."""
    program = "import os, time\nprint('blocks', os.get_blocking(3))\ntime.sleep(100_000)\n"
    (tmp_path / "sleeps.py").write_text(program)
    given = {"name": "sleeps", "src": str(tmp_path / "sleeps.py"), "command": "python sleeps.py"}
    sleeps = Service(host, "sleeps")
    for handover, said in ((True, "blocks False"), (False, "blocks True")):
        player.role(**given, listen=["127.0.0.1:8482"], handover=handover, settle=0).succeeded()
        sleeps.eventually(lambda said=said: sleeps.entries(said))  # type: ignore[misc]
    player.role(name="sleeps", state="absent", remove_data=True).succeeded()


SERVERS = {
    "gunicorn": "gunicorn --worker-class gthread --threads 4 --graceful-timeout 60 streams:wsgi",
    "uvicorn": "uvicorn --fd 3 streams:asgi",
    "hypercorn": "hypercorn --bind fd://3 --graceful-timeout 60 streams:asgi",
}


ASK = """
import urllib.request
for line in urllib.request.urlopen("http://127.0.0.1:8481/stream"):
    print(line.decode(), end="", flush=True)
"""
#: What comes in a websocket, by RFC 6455: short texts, and then the close.
ASK_WEBSOCKET = """
import socket
connection = socket.create_connection(("127.0.0.1", 8481))
connection.sendall(
    b"GET /stream HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n"
    b"Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\\r\\n\\r\\n"
)
file = connection.makefile("rb")
while file.readline().strip():
    pass
while (head := file.read(2))[0] & 15 == 1:
    print(file.read(head[1]).decode(), end="", flush=True)
"""


@pytest.mark.parametrize(
    ("server", "ask"), [*((server, ASK) for server in SERVERS), ("hypercorn", ASK_WEBSOCKET)]
)
def test_an_answer_that_takes_long_is_finished_by_the_old_release_and_others_by_either(
    host: Host, player: Player, tmp_path: Path, server: str, ask: str
) -> None:
    text = (SERVICES / "streams.py").read_text()
    given = {
        **VARIABLES,
        "name": "streams",
        "src": str(tmp_path / "streams.py"),
        "command": SERVERS[server],
        "listen": ["127.0.0.1:8481"],
        "health": {"url": "http://127.0.0.1:8481/"},
        **requirements(),
    }
    Path(given["src"]).write_text(text)
    player.role(**given).succeeded()
    words = ["docker", "exec", host.backend.name, "python3", "-c", ask]
    client = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert client.stdout
    assert client.stdout.readline() == "0\n"
    Path(given["src"]).write_text(text.replace('"one"', '"two"'))
    with under_load(host.backend.name, 8481, RATE, ANEW, KEPT, FAR) as others:
        player.role(**given).succeeded()
    told, _ = client.communicate()
    assert told.split() == [str(number) for number in range(1, 40)]
    assert answers(others) == {"one", "two"}
    player.role(name="streams", state="absent", remove_data=True).succeeded()
