"""What a sandbox and secrets cost the start of a service.

    sandbox.py --rounds N HOST

Started by script/bench, with a host that can do all that a real one can. In each round every
case is restarted once; what is measured is the time until systemd has its READY=1.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from hosts import Hosts

HERE = Path(__file__).resolve().parent
REPORT = HERE / "sandbox.md"
SECRETS = {f"SECRET_{number}": "x" * 40 for number in range(10)}
#: By its service's name, what a case is called, and its variables.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "bare": ("a unit with the program alone", {}),
    "off": ("`python_service_hardening: off`", {"hardening": "off"}),
    "strict": ("`strict`, the default", {}),
    "secrets": (
        "`strict`, with ten secrets in `os.environ`",
        {"secrets": SECRETS, "secret_environment": list(SECRETS)},
    ),
}
#: What the strict sandbox may take more than none, in milliseconds; nothing enforces it.
BAR = 30
#: Restarts units in turn, and prints seconds by their names, a list for each.
RESTART = """
import json, subprocess, sys, time
rounds, units = int(sys.argv[1]), sys.argv[2:]
taken = {unit: [] for unit in units}
for number in range(rounds + 1):
    for unit in units:
        subprocess.run(["systemctl", "reset-failed", unit], check=True)
        began = time.perf_counter()
        subprocess.run(["systemctl", "restart", unit], check=True)
        if number:
            taken[unit].append(time.perf_counter() - began)
print(json.dumps(taken))
"""


def deploy(hosts: Hosts, name: str, number: int, changes: dict[str, Any]) -> None:
    """Deploy the service of a case."""
    program = {
        "src": str(HERE / "service" / "start.py"),
        "command": f"python start.py {8000 + number}",
    }
    hosts.deploy(name=name, type="notify", **program, **changes)


def strip(hosts: Hosts, name: str) -> None:
    """Leave of a service's unit what starts the same program, and nothing else."""
    kept = "Type|ExecStart|WorkingDirectory|User|Environment"
    path = f"/etc/systemd/system/{name}.service"
    hosts.on(hosts.names[0], "sed", "-Ei", rf"/^(\[|({kept})=)/!d", path)
    hosts.on(hosts.names[0], "systemctl", "daemon-reload")


def main() -> None:
    """Measure all rounds and write the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("host")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        hosts = Hosts([given.host], Path(directory))
        for number, (name, (_, changes)) in enumerate(CASES.items()):
            deploy(hosts, name, number, changes)
        strip(hosts, "bare")
        units = [f"{name}.service" for name in CASES]
        said = hosts.on(given.host, "python3", "-c", RESTART, str(given.rounds), *units)
        system = hosts.on(given.host, "systemctl", "--version").split("\n")[0]
    REPORT.write_text(report(json.loads(said), given.rounds, system))
    print(REPORT.read_text())


def report(taken: dict[str, list[float]], rounds: int, system: str) -> str:
    """The table of the medians."""
    today = datetime.datetime.now(datetime.timezone.utc).date()
    lines = [
        "# What a sandbox and secrets cost a start",
        "",
        (
            f"Milliseconds from `systemctl restart` to `READY=1` of a small HTTP server, on a full host with "
            f"{system}, {today}: medians of {rounds} rounds, with the least and the most. "
            f"`strict` may take {BAR} more than `off`. Made by `script/bench sandbox`."
        ),
        "",
        "| case | ms | more than `off`, ms |",
        "|---|---|---:|",
    ]
    base = statistics.median(taken["off.service"])
    for name, (title, _) in CASES.items():
        times = taken[f"{name}.service"]
        median = statistics.median(times)
        spread = f"{median * 1e3:.0f} ({min(times) * 1e3:.0f} to {max(times) * 1e3:.0f})"
        lines.append(f"| {title} | {spread} | {(median - base) * 1e3:+.0f} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
