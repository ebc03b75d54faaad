"""What upgrades under load do to those who ask meanwhile, beside what a user would do otherwise.

    handover.py --rounds N --data FILE HOST…

Started by script/bench. On each host three clients ask at a steady rate, on the loopback device
alone: by kept connections, by a new one for each request, and by one whose request comes later, as
over a network. Meanwhile every second release is a bad one: one that does not start, or answers 500.
"""

from __future__ import annotations

import argparse
import collections
import datetime
import itertools
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hosts import Hosts
from lab import PROJECT
from lab.commands import LabError
from lab.under_load import ANEW, FAR, KEPT, under_load
from lab.wheels import requirements

HERE = Path(__file__).resolve().parent
REPORT = HERE / "handover.md"
#: The cases that are drawn.
SHOWN = ("demo, handover", "demo, restarted behind its socket", "demo, restarted")
#: Whom a server answers, and the requests a second of each.
CLIENTS = (ANEW, KEPT, FAR)
RATE = 66
#: Seconds for which nothing is done, each time.
STILL = 6.0
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
    "waitress": Server(
        "python serve_waitress.py", "wsgi.py", (_APP, ("200 OK", "500 Bad")), requirements()
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
    #: Accounts of its processes.
    users: list[str]
    source: Path
    told: list[dict[str, Any]] = field(default_factory=list)
    #: Seconds since the epoch at which something began and ended, by what it was.
    times: dict[str, list[tuple[float, float]]] = field(
        default_factory=lambda: {"nothing": [], "the same": [], "good": [], "bad": []}
    )
    #: Megabytes before an upgrade and at most during it.
    memory: tuple[float, float] = (0, 0)

    def run(self, rounds: int) -> None:
        """Measure so many upgrades and, by turns, as many times without: the machine's moods meet all."""
        good = 0
        self.server.write(self.source, good, None)
        self.deploy()
        with under_load(self.host, self.port, RATE, *CLIENTS) as self.told:
            for number in range(1, rounds + 1):
                with self._noted("nothing"):
                    time.sleep(STILL)
                self.server.write(self.source, good, None)
                with self._noted("the same"):
                    self.deploy()
                fault = None if number % 2 else number // 2 % 2
                self.server.write(self.source, number, fault)
                if fault is None:
                    good = number
                with self._noted("good" if fault is None else "bad"):
                    self._upgrade(fault is None)
                    time.sleep(1)  # what comes late of it is of it
        self.server.write(self.source, rounds + 1, None)
        with _megabytes(self.host, self.users) as told:
            self.deploy()
        self.memory = (told[0], max(told))

    @contextmanager
    def _noted(self, what: str) -> Iterator[None]:
        began = time.time()
        yield
        self.times[what].append((began, time.time()))

    def _upgrade(self, good: bool) -> None:
        try:
            self.deploy()
            accepted = True
        except LabError:
            accepted = False
        if accepted != good:
            raise LabError(
                f"{self.title}: a {'good' if good else 'bad'} release came out otherwise"
            )

    def line(self, system: str) -> str:
        """Its row of the table."""
        requests = [one for told in self.told for one in told["requests"]]
        nothing, same = self._took("nothing"), self._took("the same")
        upgrades = self._took("good", "bad")
        cells = [
            system,
            self.title,
            len(requests),
            sum(one[3] is None for one in requests),
            sum(one[2] for one in requests),
            *(f"{_part(took, 99):.1f}, {took[-1]:.1f}" for took in (nothing, same, upgrades)),
            f"{_part(upgrades, 99) / _part(nothing, 99):.2f}",
            f"{_part(upgrades, 99) / _part(same, 99):.2f}",
            ", ".join(f"{one:.0f}" for one in self.memory),
        ]
        return f"| {' | '.join(map(str, cells))} |"

    def failures(self) -> list[str]:
        """What came instead of answers, and how often."""
        found = collections.Counter(
            one[4] for told in self.told for one in told["requests"] if one[3] is None
        )
        return [f"    {count} times: {words!r}" for words, count in found.most_common()]

    def _took(self, *what: str) -> list[float]:
        """Milliseconds to the answers of what was due meanwhile, the fastest first."""
        times = [one for name in what for one in self.times[name]]
        return sorted(
            one[1] * 1e3
            for client in self.told
            for one in client["requests"]
            if one[3] is not None
            and any(began <= client["since"] + one[0] <= ended for began, ended in times)
        )


def _part(times: list[float], percent: int) -> float:
    return statistics.quantiles(times, n=100)[percent - 1]


_RESIDENT = """
import os, pathlib, pwd, select, sys
users = {pwd.getpwnam(name).pw_uid for name in sys.argv[1:]}
while not select.select([0], [], [], 0.1)[0]:
    pages = 0
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid in users:
                pages += int((process / "statm").read_text().split()[1])
        except OSError:
            continue
    print(pages * os.sysconf("SC_PAGESIZE") / 1e6, flush=True)
"""


@contextmanager
def _megabytes(host: str, users: list[str]) -> Iterator[list[float]]:
    """What processes of these accounts have in memory meanwhile, again and again; the list has it afterwards."""
    words = ["docker", "exec", "--interactive", host, "python3", "-c", _RESIDENT, *users]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one:
        told: list[float] = []
        try:
            yield told
        finally:
            output, _ = one.communicate("\n")
        told += map(float, output.split())


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
        "health": {"url": f"http://127.0.0.1:{port}/healthz", "timeout": 5},
        **({"listen": [f"127.0.0.1:{port}"]} if listen else {"environment": {"DEMO_PORT": port}}),
        **server.variables,
        **variables,
    }
    users = [given["name"]]
    return Case(host, title, server, port, lambda: hosts.deploy(on=host, **given), users, source)


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
                health={"url": f"http://127.0.0.1:{own}/healthz", "timeout": 5},
                environment={"DEMO_PORT": own},
            )

    title, users = "demo twice behind nginx, in turn", [f"demo{first}", f"demo{second}", "www-data"]
    return Case(host, title, SERVERS["demo"], port, deploy, users, source)


def handovers(hosts: Hosts, host: str, directory: Path) -> Iterator[Case]:
    """A row for each server."""
    for name in SERVERS:
        yield by_role(hosts, host, name, directory, title=f"**{name}, handover**")


def others(hosts: Hosts, host: str, directory: Path) -> Iterator[Case]:
    """What a user would do otherwise."""
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
    # The controller is another machine elsewhere: here it has what the others leave.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    lines: list[str] = []
    shown: dict[str, tuple[Any, ...]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        hosts = Hosts(given.hosts, directory)
        for host in given.hosts:
            system = hosts.on(host, "systemctl", "--version").split()[1]
            cases = handovers(hosts, host, directory)
            if host == given.hosts[0]:
                cases = itertools.chain(cases, others(hosts, host, directory))
            for case in cases:
                case.run(given.rounds)
                lines.append(case.line(system))
                print(lines[-1], *case.failures(), sep="\n", flush=True)
                title = case.title.strip("*")
                shown.setdefault(title, (title, case.told, case.times["good"][0]))
                # What there is counts also where it is ended before its end.
                REPORT.write_text(report(lines, given.rounds))
                given.data.write_text(json.dumps([shown[name] for name in SHOWN if name in shown]))
    print(REPORT.read_text())


_COLUMNS = (
    *("requests", "failed", "sent again", "nothing: p99, longest", "Ansible alone: p99, longest"),
    *("upgrades: p99, longest", "p99 to nothing", "p99 to Ansible alone", "MB before, at most"),
)
_HEAD = f"| systemd | case | {' | '.join(_COLUMNS)} |\n|--:|---|{'--:|' * len(_COLUMNS)}"


def report(lines: list[str], rounds: int) -> str:
    """The table."""
    today = datetime.datetime.now(datetime.timezone.utc).date()
    table = "\n".join(lines)
    return f"""\
# What upgrades do to those who ask meanwhile

{rounds} upgrades of each case, every second one to a bad release, which does not start or answers 500;
{today}, on {os.cpu_count()} cores for the server, its clients and Ansible. {len(CLIENTS) * RATE} requests a
second, a third by kept connections, a third by new ones, a third by new ones whose request comes 20 ms later,
as over a network. Milliseconds from when a request was due to its answer, without those 20. Before each
upgrade come {STILL:.0f} seconds in which nothing is done, and then a deploy that has nothing to change, which
shows what Ansible alone takes of the same cores. Sent again are requests on a kept connection that the server
had just closed. Memory is what the processes have resident, pages that they share counted for each; of one
more upgrade, without requests. Ansible, which stands for another machine, runs as SCHED_IDLE, and the kernel does
not share the processor out among sessions meanwhile, so that this counts (sched(7), autogroup). Made by
`script/bench handover`.

{_HEAD}
{table}

![Requests across an upgrade](handover.svg)
"""


if __name__ == "__main__":
    main()
