"""What upgrades under load do to those who ask meanwhile, beside what a user would do otherwise.

    handover.py --rounds N --data FILE HOST…

Started by script/bench. On each host two clients ask at a steady rate, one by kept connections
and one by a new one for each request, on the loopback device alone. Meanwhile every second
release is a bad one: one that does not start, or one that answers 500.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hosts import Hosts
from lab import PROJECT
from lab.commands import LabError
from lab.under_load import ANEW, KEPT, under_load
from lab.wheels import requirements

HERE = Path(__file__).resolve().parent
REPORT = HERE / "handover.md"
#: The cases that are drawn.
SHOWN = ("demo, handover", "demo, restarted behind its socket", "demo, restarted")
#: Requests a second of each of the two clients.
RATE = 100
#: Seconds from one upgrade to the next, unless that takes longer, and without any.
INTERVAL, STILL = 11.0, 20.0
_PORTS = iter(range(8200, 8300))


@dataclass(frozen=True)
class Server:
    """A program: its command, the file that makes it another release, and what makes it a bad one."""

    command: str
    file: str
    #: Old text and new, of a release that does not start and of one that answers 500.
    faults: tuple[tuple[str, str], ...]
    variables: dict[str, Any] = field(default_factory=dict)

    def write(self, source: Path, version: int, fault: int | None) -> None:
        original = PROJECT / "service_src" if "demo" in self.file else HERE / "handover"
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(original, source, ignore=shutil.ignore_patterns("__pycache__"))
        text = (source / self.file).read_text()
        for old, new in [] if fault is None else [self.faults[fault]]:
            if old not in text:
                raise LabError(f"{self.file} has no {old!r} to be made a bad release by")
            text = text.replace(old, new, 1)
        (source / self.file).write_text(f"{text}\n# version {version}\n")


_ANSWERS_500 = "import demo.web\ndemo.web.RequestHandler._work = lambda *_: (500, 'bad')\n"
_APP = ('VERSION = "0"', "raise SystemExit(7)")
SERVERS = {
    "demo": Server(
        "python -m demo",
        "demo/__main__.py",
        (
            ("import logging\n", "raise SystemExit(7)\n"),
            ("import logging\n", f"import logging\n{_ANSWERS_500}"),
        ),
    ),
    "gunicorn": Server(
        "gunicorn --worker-class gthread --threads 8 --workers 2 --keep-alive 30 wsgi:app",
        "wsgi.py",
        (_APP, ("200 OK", "500 Bad")),
        requirements(),
    ),
    "uvicorn": Server(
        "uvicorn --fd 3 --no-access-log asgi:app",
        "asgi.py",
        (_APP, ("= 200", "= 500")),
        requirements(),
    ),
    "hypercorn": Server(
        "hypercorn --bind fd://3 asgi:app", "asgi.py", (_APP, ("= 200", "= 500")), requirements()
    ),
}


@dataclass
class Case:
    """One row: a server on a host, and how it is upgraded."""

    host: str
    title: str
    server: Server
    port: int
    #: Deploys what was written; raises `LabError` for a bad release.
    deploy: Callable[[], object]
    source: Path
    still: list[dict[str, Any]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    #: Seconds since the epoch at which each upgrade began and ended, and whether it was of a good release.
    upgrades: list[tuple[float, float, bool]] = field(default_factory=list)

    def run(self, rounds: int) -> None:
        """Measure it without an upgrade, and then with so many."""
        self.server.write(self.source, 0, None)
        self.deploy()
        with under_load(self.host, self.port, RATE, ANEW, KEPT) as self.still:
            time.sleep(STILL)
        with under_load(self.host, self.port, RATE, ANEW, KEPT) as self.told:
            for number in range(1, rounds + 1):
                time.sleep(1)
                fault = None if number % 2 else number // 2 % 2
                self.server.write(self.source, number, fault)
                self._upgrade(fault is None)

    def _upgrade(self, good: bool) -> None:
        began = time.time()
        try:
            self.deploy()
            accepted = True
        except LabError:
            accepted = False
        if accepted != good:
            raise LabError(
                f"{self.title}: a {'good' if good else 'bad'} release came out otherwise"
            )
        ended = time.time()
        self.upgrades.append((began, ended, good))
        time.sleep(max(INTERVAL - (ended - began), 1))

    def line(self, system: str) -> str:
        """Its row of the table."""
        requests = [one for told in self.told for one in told["requests"]]
        base = _times(self.still)
        times = _times(self.told)
        cells = [
            system,
            self.title,
            len(requests),
            sum(one[3] is None for one in requests),
            sum(one[2] for one in requests),
            f"{_part(base, 50):.1f}",
            f"{_part(base, 99):.1f}",
            f"{base[-1]:.1f}",
            f"{_part(times, 50):.1f}",
            f"{_part(times, 99):.1f}",
            f"{times[-1]:.1f}",
            f"{_part(times, 99) / _part(base, 99):.2f}",
        ]
        return f"| {' | '.join(map(str, cells))} |"


def _times(told: list[dict[str, Any]]) -> list[float]:
    """Milliseconds to the answers, the fastest first."""
    return sorted(
        one[1] * 1e3 for client in told for one in client["requests"] if one[3] is not None
    )


def _part(times: list[float], percent: int) -> float:
    return statistics.quantiles(times, n=100)[percent - 1]


def by_role(hosts: Hosts, host: str, name: str, directory: Path, **variables: Any) -> Case:
    """A server that is upgraded by the role alone."""
    title, server, port = variables.pop("title"), SERVERS[name], next(_PORTS)
    source = directory / f"{host}-{port}"
    listen = variables.pop("listen", True)
    given = {
        "name": f"{name}{port}",
        "src": str(source),
        "command": server.command,
        "type": "notify",
        "health": {"url": f"http://127.0.0.1:{port}/healthz", "timeout": 10},
        **({"listen": [f"127.0.0.1:{port}"]} if listen else {"environment": {"DEMO_PORT": port}}),
        **server.variables,
        **variables,
    }
    return Case(host, title, server, port, lambda: hosts.deploy(on=host, **given), source)


_NGINX = """
apt-get -qq update && apt-get -qq install --no-install-recommends nginx >/dev/null
cat >/etc/nginx/conf.d/bench.conf <<'END'
upstream two {{ server 127.0.0.1:{first}; server 127.0.0.1:{second}; keepalive 16; }}
server {{
    listen 127.0.0.1:{port};
    keepalive_requests 100000;
    access_log off;
    location / {{
        proxy_pass http://two;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
    }}
}}
END
systemctl restart nginx
"""


def behind_nginx(hosts: Hosts, host: str, directory: Path) -> Case:
    """The demo twice behind nginx, one deployed after the other."""
    port, first, second = next(_PORTS), next(_PORTS), next(_PORTS)
    source = directory / f"{host}-{port}"
    hosts.on(host, "sh", "-euc", _NGINX.format(port=port, first=first, second=second))

    def deploy() -> None:
        for own in (first, second):
            hosts.deploy(
                on=host,
                name=f"demo{own}",
                src=str(source),
                command="python -m demo",
                type="notify",
                health={"url": f"http://127.0.0.1:{own}/healthz", "timeout": 10},
                environment={"DEMO_PORT": own},
            )

    return Case(host, "demo twice behind nginx, in turn", SERVERS["demo"], port, deploy, source)


def cases_of(hosts: Hosts, host: str, directory: Path) -> Iterator[Case]:
    """The rows of a host, in order."""
    for name in SERVERS:
        yield by_role(hosts, host, name, directory, title=f"**{name}, handover**")
    title = "demo, restarted behind its socket"
    yield by_role(hosts, host, "demo", directory, title=title, handover=False)
    yield by_role(hosts, host, "demo", directory, title="demo, restarted", listen=False)
    yield behind_nginx(hosts, host, directory)


def main() -> None:
    """Measure all cases, and write the report and what is drawn."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--data", type=Path, required=True, help="where what is drawn is written")
    parser.add_argument("hosts", nargs="+")
    given = parser.parse_args()
    os.nice(10)  # the controller is another machine elsewhere
    lines: list[str] = []
    shown: dict[str, tuple[Any, ...]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        hosts = Hosts(given.hosts, directory)
        for host in given.hosts:
            system = hosts.on(host, "systemctl", "--version").split()[1]
            for case in cases_of(hosts, host, directory):
                case.run(given.rounds)
                lines.append(case.line(system))
                print(lines[-1], flush=True)
                title = case.title.strip("*")
                shown.setdefault(title, (title, case.told, case.upgrades[0][:2]))
    REPORT.write_text(report(lines, given.rounds))
    given.data.write_text(json.dumps([shown[title] for title in SHOWN]))
    print(REPORT.read_text())


_COLUMNS = (
    *("requests", "failed", "sent again", "still: p50", "p99", "longest"),
    *("upgrades: p50", "p99", "longest", "p99, ratio"),
)
_HEAD = f"| systemd | case | {' | '.join(_COLUMNS)} |\n|--:|---|{'--:|' * len(_COLUMNS)}"


def report(lines: list[str], rounds: int) -> str:
    """The table."""
    today = datetime.datetime.now(datetime.timezone.utc).date()
    table = "\n".join(lines)
    return f"""\
# What upgrades do to those who ask meanwhile

{rounds} upgrades of each case, every second one to a bad release, which does not start or answers 500;
{today}, on {os.cpu_count()} cores for the server, its clients and Ansible. {2 * RATE} requests a second, half
of them by kept connections. Milliseconds from when a request was due to its answer; first in {STILL:.0f}
seconds without an upgrade. Sent again are those on a kept connection that the server had just closed.
Made by `script/bench handover`.

{_HEAD}
{table}
"""


if __name__ == "__main__":
    main()
