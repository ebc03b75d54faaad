"""What a record costs the program that logs it, handler by handler, and what becomes of it.

    logging_cost.py [--rounds N] [--records N] [--into DIRECTORY] HOST

Started by script/bench, which makes the host. In each round all cases are measured one
after the other, so that what else the machine does meets all of them. After each of them
the journal is counted: a case whose records are not all there, with their priorities, ends
the benchmark.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import signal
import statistics
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from container import Container
from lab import PROJECT
from lab.commands import LabError
from logging_fidelity import ROWS
from logging_plot import draw
from peers import PEERS, PeerError

HERE = Path(__file__).resolve().parent
PACKAGE = PROJECT / "roles" / "python_service" / "files" / "systemd_handler"
RESULT = "/run/bench-result"
IMPORTS = 30
STARTS = 100
THREADS = (2, 4, 8)
NEVER_LOST = 1_000_000  # records, by eight threads


@dataclass
class Case:
    """One line of the table.

    ``handler`` is one of ``logging_host.handlers``, ``base`` the case that it is compared
    with, and ``at_most`` what that ratio may be; nothing enforces it. ``priorities`` are
    those that an info and an error must have in the journal; None where none arrives.
    """

    title: str
    handler: str
    base: Case | None = None
    kind: str = "peer"
    unbuffered: bool = True
    priorities: tuple[int, int] | None = (6, 3)
    share: float = 1.0
    threads: int = 1
    at_most: str = ""
    times: list[float] = field(default_factory=list)

    def run(self, container: Container, records: int) -> None:
        """Measure it once, and see what arrived."""
        count = int(records * self.share) // self.threads * self.threads
        unit = container.unit(
            "logging_host.cost",
            *(self.handler, str(count), str(self.threads), RESULT),
            unbuffered=self.unbuffered,
        )
        found = container.priorities(unit)
        wanted: dict[int, int] = {}
        if self.priorities:
            wanted[self.priorities[0]] = count
            wanted[self.priorities[1]] = wanted.get(self.priorities[1], 0) + 1
        if found != wanted:
            sys.exit(
                f"{self.title}: the journal has {dict(found)} entries by priority"
                f" where {wanted} were expected"
            )
        self.times.append(float(container.check("cat", RESULT)) / count * 1e6)
        print(f"  {self.title:<48} {self.mode:<11} {self.times[-1]:6.2f} µs", flush=True)

    @property
    def mode(self) -> str:
        """How Python writes to its standard streams."""
        return "`-u`" if self.unbuffered else "buffered"

    @property
    def cost(self) -> float:
        """CPU time in microseconds."""
        return statistics.median(self.times)

    @property
    def ratio(self) -> float:
        """Its cost as a multiple of that of its base; each round has a ratio of its own."""
        base = self.base or self
        return statistics.median(
            mine / other for mine, other in zip(self.times, base.times, strict=True)
        )

    def line(self, records: int) -> str:
        """Its line of the table."""
        spread = f"{min(self.times):.2f} to {max(self.times):.2f}"
        cells = [self.title, self.mode, f"{self.cost:.2f}", spread, f"{self.ratio:.2f}"]
        return f"| {' | '.join(cells)} | {self.at_most} | {int(records * self.share):,} |"


def cases_of(installed: set[str]) -> list[Case]:
    """The cases, of peers those that are *installed*; the first two are the bases."""
    plain = Case("`StreamHandler`", "stream", unbuffered=False, priorities=(6, 6))
    unbuffered = Case("`StreamHandler`", "stream", priorities=(6, 6))

    def both(title: str, handler: str, kind: str = "peer", at_most: str = "") -> list[Case]:
        return [
            Case(title, handler, base, kind, base.unbuffered, at_most=at_most)
            for base in (plain, unbuffered)
        ]

    def one(
        title: str, handler: str, kind: str = "peer", share: float = 1.0, at_most: str = ""
    ) -> list[Case]:
        return [Case(title, handler, unbuffered, kind, share=share, at_most=at_most)]

    formatting = Case(
        "floor: formatting, no output", "formatting", unbuffered, "floor", priorities=None
    )
    peers = {
        "priorityprefix": both("`priorityprefix`", "priorityprefix"),
        "python-systemd": one("`python-systemd`, native", "python-systemd", share=0.25),
        "logging-journald": one("`logging-journald`, native", "logging-journald", share=0.25),
        "cysystemd": one("`cysystemd`, native", "cysystemd", share=0.25),
    }
    return [
        plain,
        unbuffered,
        *one("floor: `os.write` of a constant", "write", "floor"),
        formatting,
        *both("**`SystemdHandler`**", "ours", "ours", "0.90"),
        *one("**`install()`**", "install", "ours"),
        *one("**`SYSTEMD_HANDLER=auto`**, `StreamHandler`", "auto", "ours", at_most="1.10"),
        *one("**`NativeHandler`**", "native", "ours", 0.25),
        *both("the article's handler", "article"),
        *(case for name, some in peers.items() if name in installed for case in some),
    ]


def thread_cases() -> list[list[Case]]:
    """The floor, `StreamHandler`, both of ours, count by count of threads; bases are those of one."""
    alone = [
        Case("floor: format and write", "writing", kind="floor", priorities=(6, 6)),
        Case("`StreamHandler`", "stream", priorities=(6, 6)),
        Case("`SystemdHandler`", "ours", kind="ours"),
        Case("`auto`", "auto", kind="ours"),
    ]
    more = [
        [
            replace(one, title=f"{one.title}, {count} threads", base=one, threads=count, times=[])
            for one in alone
        ]
        for count in THREADS
    ]
    for some in more:
        some[-1].at_most = "1.15"  # of both of ours
    return [alone, *more]


def print_cases() -> list[Case]:
    """A print under `auto`, and in front of it a plain one, which is its base."""
    plain = Case("`print`", "print", priorities=(6, 6))
    return [plain, Case("`print` under `auto`", "print-auto", plain, priorities=(6, 4))]


def lost(container: Container, records: int) -> int:
    """How many of so many different records, by eight threads, are not in the journal."""
    container.clear_journal()
    unit = container.unit("logging_host.cost", "ours", str(records), "8", RESULT, unbuffered=True)
    return records + 1 - container.distinct(unit)


def import_times(container: Container) -> list[float]:
    """CPU times in milliseconds: of `logging`, of the package on top, of `ctypes` on top of it."""
    everything = "systemd_handler._install"
    steps = (["logging"], [everything, "logging"], ["ctypes", everything])
    arguments = ("logging_host.import_time", str(IMPORTS))
    return [float(container.python(*arguments, *step)) * 1000 for step in steps]


def start_time(container: Container) -> float:
    """CPU time in milliseconds that `auto` adds to the start of a process."""
    container.unit("logging_host.start_time", str(STARTS), RESULT, unbuffered=True)
    return float(container.check("cat", RESULT)) * 1000


def fidelity(container: Container, missing: dict[str, str]) -> str:
    """The second table: what became of records that are hard to log."""
    columns = {
        "stream": "`StreamHandler`",
        "article": "the article's",
        **{peer.handler: f"`{peer.handler}`" for peer in PEERS if peer.handler not in missing},
        "install": "**`install()`**",
        "install-native": "**`install(native=True)`**",
        "auto": "**`auto`**, `StreamHandler`",
    }
    head = f"| | {' | '.join(columns.values())} |\n|---|{'---|' * len(columns)}"
    return "\n".join([head, *(row.line(container, list(columns)) for row in ROWS)])


def processor() -> str:
    """The name of this machine's processor, as far as it is known."""
    names = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return names[0] if names else platform.machine()


def chart(cases: list[Case], path: Path) -> None:
    """Draw the ratios of the cases that run as units of the role do."""
    bars = [
        (re.sub(r"[*`]", "", case.title), case.ratio, case.kind)
        for case in cases
        if case.unbuffered
    ]
    title = "CPU time for a record; StreamHandler(sys.stdout) is 1.00; with python -u"
    draw(path, title, sorted(bars, key=lambda bar: bar[1]))


def main() -> None:
    """Run the benchmark, print its tables and keep them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=25, help="how often each case is measured")
    parser.add_argument("--records", type=int, default=30_000, help="records of a case")
    parser.add_argument("--into", type=Path, default=HERE, help="where the report is kept")
    parser.add_argument("host", help="a container made by script/host")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))

    container = Container(arguments.host, "/opt/bench")
    container.add(HERE / "logging_host")
    container.add(PACKAGE)
    versions, missing = {}, {}
    for peer in PEERS:
        try:
            versions[peer.handler] = peer.install(container)
        except PeerError as error:
            missing[peer.handler] = str(error)
            print(f"  {peer.handler} is left out: {error}", flush=True)

    cases = cases_of(set(versions))
    by_threads = thread_cases()
    prints = print_cases()
    everything = [*cases, *(case for some in by_threads for case in some), *prints]
    for number in range(1, arguments.rounds + 1):
        print(f"Round {number} of {arguments.rounds}", flush=True)
        for case in everything:
            container.clear_journal()
            case.run(container, arguments.records)

    print("Count what is lost", flush=True)
    never_arrived = lost(container, NEVER_LOST)
    print("Import", flush=True)
    before, package, foreign = import_times(container)
    started = start_time(container)
    print("Records that are hard to log", flush=True)
    container.clear_journal()
    hard = fidelity(container, missing)

    systemd = container.check("systemctl", "--version").split()[1]
    python = container.check("python3", "--version").split()[1]
    today = datetime.datetime.now(datetime.timezone.utc).date()
    named = ", ".join(f"`{name}` {version}" for name, version in versions.items())
    absent = "".join(f"\n`{name}` is not here: {why}\n" for name, why in missing.items())
    table = "\n".join(case.line(arguments.records) for case in cases)
    threads = "\n".join(
        "| ".join(
            [f"| {some[0].threads} ", *(f"{one.cost:.2f} | {one.ratio:.2f} " for one in some)]
        )
        + f"| {some[-1].at_most} |"
        for some in by_threads
    )
    text = f"""\
# Logging to the journal

Made by `script/bench logging` on {today} in a container with systemd {systemd} and Python {python}, on
{os.cpu_count()} cores ({processor()}).

Peers: {named or "none"}; and the handler of the article "New-style daemons in Python" (2017), written
again from its description.
{absent}
## What a record costs

CPU time of the program, user and system, in microseconds for `log.info("request %d took %s s", i,
"0.123")` with the format `%(name)s: %(message)s`: the median of {arguments.rounds} interleaved rounds, and the
least and the most. Each case is a unit of its own whose standard output journald reads, without a rate
limit. After each run the journal had all of its records, with the expected priority, and the one error
that followed them. The ratio is the median of the rounds' ratios to `StreamHandler(sys.stdout)` of the
same kind: with `-u` (`PYTHONUNBUFFERED=1`, as in the units of the role) or buffered. The cases in bold
are this project's.

| case | Python | µs | least to most | ratio | at most | records |
|---|---|--:|--:|--:|--:|--:|
{table}

![Ratios](logging.svg)

The same in more threads, with `-u` and {arguments.records:,} records in all, in microseconds; each ratio is to
one thread of the same case. The floor formats, and writes without a lock of its own. `os.write` and
`StreamHandler` release Python's global lock during the write, and getting it back from another thread
costs CPU time; `SystemdHandler` and `auto`, which is that `StreamHandler` with
`SYSTEMD_HANDLER=auto`, keep it, at the price of calls through `ctypes`.

| threads | floor | ratio | `StreamHandler` | ratio | `SystemdHandler` | ratio | `auto` | ratio | at most |
|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
{threads}

| what else | found | at most |
|---|--:|--:|
| records lost of {NEVER_LOST:,} by eight threads | {never_arrived:,} | 0 |
| CPU time of a `print` under `auto`, as a multiple of one without, both with `-u` | {prints[-1].ratio:.2f} | 1.50 |
| CPU time that `auto` adds to the start of a process, ms, median of {STARTS} | {started:.1f} | 8 |
| CPU time to load `systemd_handler.install` after `import logging`, ms, median of {IMPORTS} | {package:.1f} | 10 |
| CPU time of `import ctypes`, by the first handler or `auto` with `threading`, ms | {foreign:.1f} | |
| CPU time of `import logging` itself, ms | {before:.1f} | |

## Records that are hard to log

What of them was in the journal, in the same container. Each cell is a unit of its own, with `-u` unless
the row says otherwise. `yes` means that the journal had what the row says; anything else is what it had
instead. `at 6` is the priority of the entry, and 0 goes to every terminal of the machine; `lost: …` says
what stopped the record, and `raises …` what the program got for logging it; `forged` is an entry that the
text of a record made; `a blob` is what `journalctl` prints as `[5B blob data]`; an entry without its unit
is not found by `journalctl --unit`, since its process had ended before journald looked; `hung` are
children that had not logged their one record after two seconds.

{hard}
"""
    report = arguments.into / "logging.md"
    report.write_text(text)
    chart(cases, arguments.into / "logging.svg")
    print(f"\n{text}\nKept in {report}")


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(str(error))
