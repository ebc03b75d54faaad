"""What a virtual environment costs a host, and what it saves a program's start.

    environments.py --rounds N

Started by script/bench, as root. In each round all cases are measured one after the
other. CPU time is that of all their processes. Nothing is fetched in a case: the wheels were before.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import os
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pip

from python_service.module_utils.python_service.controller.locked import locked_lines
from python_service.module_utils.python_service.host.builder import borrowed
from python_service.module_utils.python_service.host.python import find_python
from python_service.module_utils.python_service.host.unpacking import unpack_wheel
from python_service.module_utils.python_service.host.venv import build
from python_service.module_utils.python_service.host.wheels import Incoming
from python_service.module_utils.python_service.layout import Layout
from python_service.module_utils.python_service.model import Pip, Venv

HERE = Path(__file__).resolve().parent
REPORT = HERE / "environments.md"
LOCK = HERE / "environments.lock"
PIP = Path(pip.__file__).parent
HANDLER = HERE.parent / "roles" / "python_service" / "files"
PYTHON = "/usr/bin/python3"
#: The one that is another in the cases of a change, and its version there.
CHANGED, OTHER = "werkzeug", "3.1.8"
IMPORTS = "import fastapi, sqlalchemy.orm"


class Taken(NamedTuple):
    """Seconds: of CPU time, and of the clock."""

    cpu: float
    elapsed: float

    @staticmethod
    def until_now() -> Taken:
        """By this process and those of it that have ended."""
        used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return Taken(sum(one.ru_utime + one.ru_stime for one in used), time.monotonic())


def run(*command: str | Path, **environment: str) -> None:
    """Run a command with more variables, without its output."""
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **environment}
    )


class Host:
    """Directories of a host of its own, whose disk is this machine's."""

    def __init__(self, directory: Path, wheels: Path) -> None:
        self._directory = directory
        self._wheels = wheels
        self._services = 0

    def build(self, lock: str) -> Path:
        """Build the environment of one more service, and say where it is."""
        self._services += 1
        layout = Layout("/opt", f"bench{self._services}", str(self._directory))
        incoming = Path(layout.base, "incoming")
        for part in ("requirements", "installer", "handler"):
            (incoming / part).mkdir(parents=True)
        os.makedirs(layout.venvs)
        (incoming / "requirements" / "0.txt").write_text(lock)
        (incoming / "wheelhouse").symlink_to(self._wheels)
        (incoming / "installer" / "pip").symlink_to(PIP)
        (incoming / "handler" / "systemd_handler").symlink_to(HANDLER / "systemd_handler")
        venv = Venv("environment", PYTHON, require_hashes=True)
        came = Incoming(str(incoming), Pip(locked=locked_lines([lock])))
        with borrowed(layout, os.getegid(), str(incoming / "build")) as builder:
            build(layout, venv, came, builder)
        return Path(layout.venv(venv.id))


def fetch(directory: Path, lock: str) -> None:
    """Have the wheels of a lock in a directory."""
    text = directory.parent / "fetched.txt"
    text.write_text(lock)
    pip_("download", "--no-deps", "--only-binary", ":all:", "-d", directory, "-r", text)


def pip_(*words: str | Path) -> None:
    """Run the pip that would travel to a host."""
    run(PYTHON, PIP, "--disable-pip-version-check", *words)


def with_another(lock: str, directory: Path) -> tuple[str, Path]:
    """The lock with another version of one package, and that one's wheel."""
    pip_("download", "--no-deps", "-d", directory, f"{CHANGED}=={OTHER}")
    (wheel,) = directory.glob(f"{CHANGED}-{OTHER}-*.whl")
    line = f"{CHANGED}=={OTHER} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
    changed = re.sub(rf"^{CHANGED}==(.*\\\n)+.*\n", line, lock, flags=re.MULTILINE)
    return changed, wheel


class Round:
    """The cases, measured once, by their titles."""

    def __init__(self, directory: Path, wheels: Path, other: str, changed: Path) -> None:
        self._directory = directory
        self._wheels = wheels
        self._other = other
        self._changed = changed
        self.taken: dict[str, Taken] = {}

    def measure(self) -> None:
        lock = LOCK.read_text()
        host = Host(self._directory / "host", self._wheels)
        self._time("pip install into a new venv", self._pip_installs)
        self._time("uv pip install, links, its cache warm", self._uv_installs, warm=True)
        made = self._time("first build on a host", lambda: host.build(lock))
        self._time("the same packages for a second service", lambda: host.build(lock))
        self._time("one of them in another version", lambda: host.build(self._other))
        self._time("that wheel's own work", self._unpacks)
        start: list[str | Path] = [made / "bin" / "python", "-c", IMPORTS]
        run(*start)
        self._time("start with bytecode", lambda: run(*start))
        bare = self._directory / "without-bytecode"
        left = shutil.ignore_patterns("__pycache__")
        shutil.copytree(made, bare, symlinks=True, ignore=left)
        start[0] = bare / "bin" / "python"
        self._time("start without", lambda: run(*start, PYTHONDONTWRITEBYTECODE="1"))

    def _time(self, title: str, work: Callable[[], Path | None], *, warm: bool = False) -> Path:
        if warm:
            work()
        before = Taken.until_now()
        made = work()
        after = Taken.until_now()
        taken = Taken(after.cpu - before.cpu, after.elapsed - before.elapsed)
        self.taken[title] = taken
        print(f"  {title:<44} {taken.cpu:6.2f} s CPU {taken.elapsed:6.2f} s", flush=True)
        return made or self._directory

    def _new_venv(self) -> Path:
        path = self._directory / "venv"
        shutil.rmtree(path, ignore_errors=True)
        run(PYTHON, "-m", "venv", "--without-pip", path)
        return path / "bin" / "python"

    def _pip_installs(self) -> None:
        words = ["install", "--no-index", "--no-cache-dir", "--require-hashes"]
        python = self._new_venv()
        run(python, PIP, *words, "--find-links", self._wheels, "--requirement", LOCK)

    def _uv_installs(self) -> None:
        words = ["--quiet", "--no-index", "--require-hashes", "--compile-bytecode"]
        where: list[str | Path] = [
            "--cache-dir",
            self._directory / "cache",
            "--find-links",
            self._wheels,
        ]
        words += ["--link-mode", "hardlink", "--python"]
        run("uv", "pip", "install", *words, self._new_venv(), *where, "--requirement", LOCK)

    def _unpacks(self) -> None:
        place = self._directory / "unpacked"
        unpack_wheel(str(self._changed), str(place), "lib/python3/site-packages")
        python = find_python(PYTHON)
        if python:
            python.compile(str(place), str(place))


def main() -> None:
    """Measure all rounds and write the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = []
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        os.umask(0o022)
        os.chmod(name, 0o755)  # noqa: S103 - packages are built as another account
        wheels = Path(name, "wheels")
        wheels.mkdir()
        lock = LOCK.read_text()
        fetch(wheels, lock)
        other, changed = with_another(lock, wheels)
        for number in range(parser.parse_args().rounds):
            directory = Path(name, str(number))
            directory.mkdir()
            one = Round(directory, wheels, other, changed)
            one.measure()
            rounds.append(one.taken)
            shutil.rmtree(directory)
        packages = len(list(wheels.iterdir())) - 1
    REPORT.write_text(report(rounds, packages))
    print(REPORT.read_text())


#: What a case is compared with, and what it may take; nothing enforces it.
BARS = {
    "first build on a host": ("pip install into a new venv", "no slower"),
    "the same packages for a second service": ("pip install into a new venv", "1.5 s of CPU"),
    "one of them in another version": ("pip install into a new venv", "2 s of CPU beside the next"),
    "start without": ("start with bytecode", ""),
}


def report(rounds: list[dict[str, Taken]], packages: int) -> str:
    """The table of the medians."""
    version = subprocess.check_output([PYTHON, "-V"], text=True).strip()
    today = datetime.datetime.now(datetime.timezone.utc).date()
    lines = [
        "# What an environment costs",
        "",
        (
            f"Of the {packages} packages in `environments.lock`, with {version} on {os.cpu_count()} cores, "
            f"{today}: medians of {len(rounds)} rounds, with the least and the most. Nothing is fetched."
        ),
        "Ratios are of the case to the one that is named. Made by `script/bench environments`.",
        "",
        "| case | CPU, s | elapsed, s | CPU, ratio | elapsed, ratio | to | at most |",
        "|---|---|---|---:|---:|---|---|",
    ]

    def median(title: str, of: str) -> float:
        return statistics.median(float(getattr(one[title], of)) for one in rounds)

    for title in rounds[0]:
        base, bar = BARS.get(title, ("", ""))
        seconds, ratios = [], []
        for of in Taken._fields:
            times = [getattr(one[title], of) for one in rounds]
            seconds.append(f"{median(title, of):.2f} ({min(times):.2f} to {max(times):.2f})")
            ratios.append(f"{median(title, of) / median(base, of):.2f}" if base else "")
        lines.append(f"| {' | '.join([title, *seconds, *ratios, base, bar])} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
