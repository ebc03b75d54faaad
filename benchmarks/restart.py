"""What a restart of a service does to those who ask it meanwhile, with a socket of systemd's and without.

    restart.py --rounds N HOST

Started by script/bench. A second process on the host asks at a steady rate, each time by a new
connection, on the loopback device alone, while each case is restarted again and again.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from hosts import Hosts
from lab import PROJECT
from lab.under_load import ANEW, under_load

HERE = Path(__file__).resolve().parent
REPORT = HERE / "restart.md"
#: Requests a second.
RATE = 200
#: By its service's name, what a case is called, whether it is restarted, and its variables.
CASES: dict[str, tuple[str, bool, dict[str, Any]]] = {
    "still": ("no restart", False, {"listen": ["127.0.0.1:8100"]}),
    "socket": ("restarts with `python_service_listen`", True, {"listen": ["127.0.0.1:8101"]}),
    "alone": ("restarts, the program listens itself", True, {"environment": {"DEMO_PORT": 8102}}),
}


def deploy(hosts: Hosts, name: str, changes: dict[str, Any]) -> None:
    """Deploy the demo for a case."""
    given = {"src": str(PROJECT / "service_src"), "command": "python -m demo", "type": "notify"}
    hosts.deploy(name=name, **given, **changes)


def main() -> None:
    """Measure all cases and write the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("host")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        hosts = Hosts([given.host], Path(directory))
        found: dict[str, list[float | None]] = {}
        for number, (name, (_, restarts, changes)) in enumerate(CASES.items()):
            deploy(hosts, name, changes)
            with under_load(given.host, 8100 + number, RATE, ANEW) as told:
                for _ in range(given.rounds):
                    time.sleep(1)
                    if restarts:
                        hosts.on(given.host, "systemctl", "reset-failed", f"{name}.service")
                        hosts.on(given.host, "systemctl", "restart", f"{name}.service")
            found[name] = [
                took if answer else None for _, took, _, answer, _ in told[0]["requests"]
            ]
        system = hosts.on(given.host, "systemctl", "--version").split("\n")[0]
    REPORT.write_text(report(found, given.rounds, system))
    print(REPORT.read_text())


def report(found: dict[str, list[float | None]], rounds: int, system: str) -> str:
    """The table."""
    today = datetime.datetime.now(datetime.timezone.utc).date()
    lines = [
        "# What a restart does to those who ask meanwhile",
        "",
        (
            f"The demo, on a host with {system}, {today}: {RATE} requests a second from a second process, "
            f"each by a connection of its own, and {rounds} restarts, a second after the one before it. "
            "Milliseconds from when a request was due to its answer. Made by `script/bench restart`."
        ),
        "",
        "| case | requests | failed | p50 | p99 | longest |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, (title, _, _) in CASES.items():
        times = sorted(one for one in found[name] if one is not None)
        failed = len(found[name]) - len(times)
        parts = statistics.quantiles(times, n=100)
        shown = " | ".join(f"{value * 1e3:.1f}" for value in (parts[49], parts[98], times[-1]))
        lines.append(f"| {title} | {len(found[name])} | {failed} | {shown} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
