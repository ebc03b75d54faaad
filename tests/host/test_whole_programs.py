"""A program of strangers' packages, whole: FastAPI, Celery with its beat, and a bot."""

from __future__ import annotations

import shlex
from typing import Any

from lab.deploys import Player, Service
from lab.wheels import SERVICES, requirements
from testinfra.host import Host

HOST = "debian-13"
VARIABLES: dict[str, Any] = {
    "name": "orders",
    "src": str(SERVICES / "orders"),
    "command": "uvicorn --fd 3 web:app",
    "listen": ["127.0.0.1:8471"],
    "health": {"url": "http://127.0.0.1:8471/orders/0"},
    "processes": {
        "worker": {
            "command": "celery --app work worker --loglevel info --concurrency 1"
            " --hostname ${PYTHON_SERVICE_INSTANCE} --without-mingle --without-gossip",
            "instances": 2,
        },
        "beat": {"command": "celery --app work beat --schedule ${STATE_DIRECTORY}/beat"},
        "bot": {"command": "python bot.py"},
        "messenger": {"command": "python messenger.py", "listen": ["127.0.0.1:8472"]},
    },
    "secrets": {"BOT_TOKEN": "1:of-the-bot-alone"},
    "secret_environment": ["BOT_TOKEN"],
}


def ask(host: Host, method: str, number: int) -> str:
    program = (
        "import urllib.request as u; print(u.urlopen(u.Request("
        f"'http://127.0.0.1:8471/orders/{number}', method={method!r})).read().decode())"
    )
    return str(host.check_output(f"python3 -c {shlex.quote(program)}"))


def test_an_application_with_workers_beat_and_a_bot(host: Host, player: Player) -> None:
    given = {**VARIABLES, **requirements("orders.txt", "3.13")}
    player.role(**given).succeeded()
    assert ask(host, "POST", 1) == '"taken"'
    web, bot, beat = (
        Service(host, "orders"),
        Service(host, "orders-bot"),
        Service(host, "orders-beat"),
    )
    web.eventually(lambda: ask(host, "GET", 1) == "true")
    workers = [Service(host, f"orders-worker@{number}") for number in (1, 2)]
    (shipped,) = workers[0].entries("is shipped by") + workers[1].entries("is shipped by")
    assert (shipped["PRIORITY"], shipped["PYTHON_SERVICE_INSTANCE"]) == (
        "4",
        shipped["MESSAGE"][-1],
    )
    workers[0].eventually(lambda: [e for one in workers for e in one.entries("orders are shipped")])
    Service(host, "orders-messenger").eventually(
        lambda: Service(host, "orders-messenger").entries("the bot says")
    )
    pids = [one.pid for one in (web, bot, beat, *workers)]
    assert player.role(**given).succeeded().changed == []
    assert [one.pid for one in (web, bot, beat, *workers)] == pids
    player.role(name="orders", state="absent", remove_data=True).succeeded()
