"""What a deploy over SSH takes, case by case, beside its floor and its peers.

    deploy.py --rounds N HOST…

Started by script/bench, which makes the hosts. In each round all cases are timed
one after the other, so that what else the machine does meets all of them. Each
run is also looked at: a case that did not do its work ends the benchmark.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hosts import Hosts
from lab import PROJECT
from lab.commands import LabError
from lab.playbooks import Run
from sources import Source

HERE = Path(__file__).resolve().parent
REPORT = HERE / "deploy.md"
DEPLOY = PROJECT / "playbooks" / "deploy.yml"
REMOVE = PROJECT / "playbooks" / "remove.yml"
BEFORE = HERE / "playbooks" / "before.yml"
SEVERAL = HERE / "playbooks" / "services.yml"
#: The role as it was before its releases were made by one transaction.
VERSION_BEFORE = PROJECT / "tests" / "host" / "data" / "role-before-0.2.tar.gz"
#: Services of one host, in the case that has several.
SERVICES = 10
#: Processes of one service, in the cases that have several.
PROCESSES = 5


class Service:
    """A service on some of the hosts, deployed by the role: a main process, and so many ``more``."""

    def __init__(
        self,
        hosts: Hosts,
        names: list[str],
        name: str,
        source: Source,
        *,
        more: int = 0,
        **fixed: Any,
    ) -> None:
        self.playbook = BEFORE if "bench_role" in fixed else DEPLOY
        self.hosts = hosts
        self.names = names
        self.name = name
        self.source = source
        self.variables: dict[str, Any] = {
            "python_service_name": name,
            "python_service_src": str(source.directory),
            "python_service_command": "python main.py",
            "python_service_type": "notify",
            **fixed,
        }
        processes = [f"more{number}" for number in range(more)]
        self._units = [name, *(f"{name}-{process}" for process in processes)]
        if processes:
            self.variables["python_service_processes"] = {
                process: {"command": "python main.py", "type": "notify"} for process in processes
            }

    def deploy(self) -> None:
        self.hosts.play(self.playbook, self.names, self.variables)

    def remove(self) -> None:
        going = {**self.variables, "python_service_state": "absent"}
        self.hosts.play(self.playbook, self.names, {**going, "python_service_remove_data": True})

    def processes(self) -> list[str]:
        """Main processes of the units, host by host."""
        return [
            self.hosts.show(name, unit, "MainPID") for name in self.names for unit in self._units
        ]

    def expect_source(self, _run: Run) -> None:
        """See each process run from all files of its source."""
        for name in self.names:
            for unit in self._units:
                expect(self.hosts.show(name, unit, "StatusText"), self.source.status)


@dataclass
class Case:
    """One line of the table.

    ``base`` is the case that its time is compared with, and ``at_most`` what that
    ratio may be; nothing enforces it. ``share`` is how many services the time is
    divided by. ``prepare`` is not timed.
    """

    title: str
    playbook: Path
    names: list[str]
    variables: dict[str, Any] = field(default_factory=dict)
    prepare: Callable[[], None] = lambda: None
    check: Callable[[Run], None] = lambda _run: None
    base: Case | None = None
    base_name: str = "the floor"
    at_most: str = ""
    share: int = 1
    times: list[float] = field(default_factory=list)
    calls: int = 0
    transfers: int = 0

    @property
    def seconds(self) -> float:
        return statistics.median(self.times)

    def run(self, hosts: Hosts, *options: str) -> Run:
        """Prepare, run and check it once."""
        self.prepare()
        hosts.connect(self.names)
        run = hosts.play(self.playbook, self.names, self.variables, *options)
        try:
            self.check(run)
        except UntrueError as error:
            sys.exit(f"{run.output}\n{self.title}: {error}")
        return run

    def time(self, hosts: Hosts) -> None:
        self.times.append(self.run(hosts).seconds)
        print(f"  {self.title:<44} {self.times[-1]:6.2f} s", flush=True)

    def count(self, hosts: Hosts) -> None:
        """Count its calls, in a run of its own, since saying so much takes time."""
        run = self.run(hosts, "-vvv")
        self.calls = run.calls
        self.transfers = run.transfers

    def line(self) -> str:
        """Its line of the table."""
        ratio, to = "", ""
        if self.base:
            per_service = self.seconds / self.share
            ratio, to = f"{per_service / self.base.seconds:.2f}", self.base_name
        spread = f"{min(self.times):.2f} to {max(self.times):.2f}"
        cells = [self.title, f"{self.seconds:.2f}", spread, ratio, to, self.at_most]
        return f"| {' | '.join(cells)} | {self.calls} | {self.transfers} |"


class UntrueError(Exception):
    """A run ended well, but what it should have done is not so."""


def expect(found: object, wanted: object) -> None:
    """Raise `UntrueError` unless both are equal."""
    if found != wanted:
        raise UntrueError(f"found {found!r} where {wanted!r} was expected")


def nothing_changed(run: Run) -> None:
    """Raise `UntrueError` if a task of the run changed something on any host."""
    expect(set(run.changes.values()), {0})


def unchanged(service: Service, title: str) -> Case:
    """A deploy of what runs already, which must leave it alone."""
    before: list[str] = []

    def prepare() -> None:
        service.deploy()
        before[:] = service.processes()

    def check(run: Run) -> None:
        expect(sorted(run.changes), sorted(service.names))
        nothing_changed(run)
        expect(service.processes(), before)
        service.expect_source(run)

    return Case(title, service.playbook, service.names, service.variables, prepare, check)


def first(service: Service, title: str) -> Case:
    """A deploy to a host that has nothing of the service."""
    return Case(
        title,
        service.playbook,
        service.names,
        service.variables,
        service.remove,
        service.expect_source,
    )


def changed(service: Service, title: str) -> Case:
    """A deploy of a source in which one file is another."""

    def prepare() -> None:
        service.deploy()
        service.source.change()

    return Case(
        title, service.playbook, service.names, service.variables, prepare, service.expect_source
    )


def several(hosts: Hosts, name: str, source: Source) -> Case:
    """A deploy of several services of one host in one run, which must leave them alone."""
    service = Service(hosts, hosts.names[:1], name, source)
    variables = {**service.variables, "bench_prefix": name, "bench_services": SERVICES}
    del variables["python_service_name"]

    def prepare() -> None:
        hosts.play(SEVERAL, service.names, variables)

    case = Case(
        f"nothing changed, 500 files, {SERVICES} services of one host, for each",
        SEVERAL,
        service.names,
        variables,
        prepare,
        nothing_changed,
    )
    case.share = SERVICES
    return case


def role_cases(hosts: Hosts, directory: Path, floor: Case) -> list[Case]:
    """Deploys by the role."""
    one = hosts.names[:1]
    sources = {files: Source(directory / str(files), files) for files in (5, 500, 5000)}
    changing = Source(directory / "changing", 500)

    alone = unchanged(
        Service(hosts, one, "bench-steady", sources[500]), "nothing changed, 500 files"
    )
    alone.base, alone.at_most = floor, "1.10"
    together = several(hosts, "bench-several", sources[500])
    together.base, together.at_most = floor, "0.35"
    many = unchanged(
        Service(hosts, hosts.names, "bench-steady", sources[500]),
        f"nothing changed, 500 files, {len(hosts.names)} hosts",
    )
    many.base, many.base_name, many.at_most = alone, "one host", "4.00"
    one_file = changed(Service(hosts, one, "bench-changing", changing), "one file of 500 changed")
    one_file.base, one_file.at_most = floor, "3.50"
    whole = unchanged(
        Service(hosts, one, "bench-whole", sources[500], more=PROCESSES - 1),
        f"nothing changed, 500 files, {PROCESSES} processes",
    )
    whole.base, whole.base_name, whole.at_most = alone, "one process", "1.20"
    changing_whole = Source(directory / "changing-whole", 500)
    whole_file = changed(
        Service(hosts, one, "bench-changing-whole", changing_whole, more=PROCESSES - 1),
        f"one file of 500 changed, {PROCESSES} processes",
    )
    whole_file.base, whole_file.base_name, whole_file.at_most = one_file, "one process", "1.50"
    firsts = {
        files: first(
            Service(hosts, one, f"bench-first-{files}", source), f"first deploy, {files:,} files"
        )
        for files, source in sources.items()
    }
    for case in firsts.values():
        case.base = floor
    firsts[500].at_most = "2.10"
    firsts[5000].at_most = "the calls of 5 files"
    return [alone, together, many, one_file, whole, whole_file, *firsts.values()]


def before_cases(hosts: Hosts, directory: Path, floor: Case) -> list[Case]:
    """The same deploys by the version before."""
    (directory / "before").mkdir()
    subprocess.run(["tar", "-xzf", VERSION_BEFORE, "-C", directory / "before"], check=True)
    role = str(directory / "before" / "roles" / "python_service")
    one, source = hosts.names[:1], Source(directory / "before-source", 500)
    steady = Service(hosts, one, "bench-before", source, bench_role=role)
    fresh = Service(hosts, one, "bench-before-first", source, bench_role=role)
    cases = [
        unchanged(steady, "the version before: nothing changed, 500 files"),
        first(fresh, "the version before: first deploy, 500 files"),
    ]
    for case in cases:
        case.base = floor
    return cases


def copy_cases(hosts: Hosts, directory: Path, floor: Case) -> list[Case]:
    """The peer that copies file by file: the second case finds what the first one left."""
    one = hosts.names[:1]
    files = 100
    source = Source(directory / "copy", files)
    destination = "/srv/bench-copy"
    variables = {"bench_src": str(source.directory), "bench_dest": destination}
    playbook = HERE / "playbooks" / "copy.yml"

    def clear() -> None:
        hosts.on(one[0], "rm", "-rf", destination)

    def check_files(_run: Run) -> None:
        found = hosts.on(one[0], "find", destination, "-type", "f").splitlines()
        expect(len(found), files)

    fresh = Case(f"`copy`, {files} files, first", playbook, one, variables)
    fresh.prepare, fresh.check, fresh.base = clear, check_files, floor
    again = Case(f"`copy`, {files} files, nothing changed", playbook, one, variables)
    again.check, again.base = nothing_changed, floor
    return [fresh, again]


def unarchive_cases(hosts: Hosts, directory: Path, floor: Case) -> list[Case]:
    """The peer that unpacks an archive, made beforehand, and restarts a unit in a handler."""
    one = hosts.names[:1]
    source = Source(directory / "unarchive", 500)
    archive = directory / "unarchive.tar.gz"
    source.pack(archive)
    name = "bench-peer"
    variables = {
        "bench_name": name,
        "bench_archive": str(archive),
        "bench_dest": f"/srv/{name}",
    }
    playbook = HERE / "playbooks" / "unarchive.yml"

    def clear() -> None:
        unit = f"/etc/systemd/system/{name}.service"
        hosts.on(
            one[0],
            *("sh", "-c"),
            f"[ ! -e {unit} ] || systemctl disable --quiet --now {name};"
            f" rm -rf {unit} /srv/{name} && systemctl daemon-reload",
        )

    def check(_run: Run) -> None:
        expect(hosts.show(one[0], name, "StatusText"), source.status)

    def check_again(run: Run) -> None:
        nothing_changed(run)
        check(run)

    title = "`unarchive`, `template` and restart, 500 files"
    fresh = Case(f"{title}, first", playbook, one, variables)
    fresh.prepare, fresh.check, fresh.base = clear, check, floor
    again = Case(f"{title}, nothing changed", playbook, one, variables)
    again.check, again.base = check_again, floor
    return [fresh, again]


def report(cases: list[Case], hosts: Hosts, rounds: int) -> str:
    """The table with what it depends on, in Markdown."""
    host = hosts.names[0]
    systemd = hosts.on(host, "systemctl", "--version").split()[1]
    host_python = hosts.on(host, "python3", "--version").split()[1]
    today = datetime.datetime.now(datetime.timezone.utc).date()
    lines = "\n".join(case.line() for case in cases)
    return f"""\
# Deploys over SSH

Made by `script/bench deploy` on {today} with ansible-core {version("ansible-core")}, Python
{platform.python_version()} and {os.cpu_count()} cores, deploying to containers with systemd {systemd} and Python
{host_python} on the same machine.

Wall time of `ansible-playbook` in seconds: the median of {rounds} interleaved rounds, with the fastest and
the slowest. SSH uses pipelining and a connection that is open already. The floor is a play that only
gathers facts; all other plays gather none. The service is of `Type=notify`, with files of 1 KiB and no
requirements. The archive for `unarchive` was packed beforehand. Calls are commands over SSH, transfers
are files sent.

| case | seconds | fastest to slowest | ratio | to | at most | calls | transfers |
|---|--:|--:|--:|---|--:|--:|--:|
{lines}
"""


def main() -> None:
    """Run the benchmark, print its table and keep it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often each case is timed")
    parser.add_argument("hosts", nargs="+", help="containers made by script/host")
    arguments = parser.parse_args()

    # Told to end, it still removes the directory with the key.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="python-service-bench-") as temporary:
        directory = Path(temporary)
        hosts = Hosts(arguments.hosts, directory)
        floor = Case("the floor: facts alone", HERE / "playbooks" / "floor.yml", hosts.names[:1])
        cases = [
            floor,
            *role_cases(hosts, directory, floor),
            *before_cases(hosts, directory, floor),
            *copy_cases(hosts, directory, floor),
            *unarchive_cases(hosts, directory, floor),
        ]
        for number in range(1, arguments.rounds + 1):
            print(f"Round {number} of {arguments.rounds}", flush=True)
            for case in cases:
                case.time(hosts)
        print("Count the calls", flush=True)
        for case in cases:
            case.count(hosts)
        text = report(cases, hosts, arguments.rounds)
    REPORT.write_text(text)
    print(f"\n{text}\nKept in {REPORT.relative_to(PROJECT)}")


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(str(error))
