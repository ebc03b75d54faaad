"""The servers of docs/sockets.md, each on a socket that systemd holds."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from lab import PROJECT
from lab.deploys import Player, Service
from lab.wheels import SERVICES, requirements
from testinfra.host import Host

HOST = "debian-12"
PAGE = (PROJECT / "docs" / "sockets.md").read_text(encoding="utf-8")
COMMANDS = dict(re.findall(r"^\| (\w+) \| `(.+)` \|$", PAGE, re.MULTILINE))
PROGRAMS = dict(re.findall(r"^```python\n# (\w+\.py)\n(.+?)^```$", PAGE, re.MULTILINE | re.DOTALL))
COMMANDS.update((name.removesuffix(".py"), f"python {name}") for name in PROGRAMS)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of the page, and applications for servers."""
    directory = tmp_path_factory.mktemp("recipes")
    for name in ("wsgi.py", "asgi.py"):
        shutil.copy(SERVICES / name, directory)
    for name, text in PROGRAMS.items():
        (directory / name).write_text(text, encoding="utf-8")
    return directory


def test_the_page_has_a_server_of_each_kind() -> None:
    assert len(COMMANDS) == 6


@pytest.mark.parametrize("server", COMMANDS)
def test_a_server_takes_the_socket_and_a_connection_starts_it(
    host: Host, player: Player, source: Path, server: str
) -> None:
    service = Service(host, "shop")
    player.role(
        name="shop",
        src=str(source),
        command=COMMANDS[server],
        type="notify",
        listen=["127.0.0.1:8460"],
        health={"url": "http://127.0.0.1:8460/"},
        network="inbound",
        **requirements(),
    ).succeeded()
    before = service.pid
    host.check_output("systemctl stop shop.service")
    page = (
        "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8460/', timeout=600).status)"
    )
    assert host.check_output(f'python3 -c "{page}"') == "200"
    assert service.pid not in (0, before)
