"""Runs a small program of each package in tests/packages under `auto`, and writes docs/packages.md.

    packages_table.py [NAME…]

Without a name, those packages are run that have no row in the page yet, so that a run that was
ended goes on where it was. Each is installed into an environment of its own, from whatever
index uv is told of, in its newest version. What a row says is what the run gave: `right`, or
what was expected and did not come, with the reason that programs.toml has.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple

import tomllib

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = PROJECT / "tests" / "packages"
PAGE = PROJECT / "docs" / "packages.md"
_HANDLER = PROJECT / "roles" / "python_service" / "files"
_CACHE = PROJECT / ".cache" / "packages"
_UV = Path(sys.executable).with_name("uv")
_INSTALL_LIMIT = 300  # seconds
_RUN_LIMIT = 300  # seconds
#: What a program logs that has no entries of its own in programs.toml.
_LEVELS = ("7 low", "6 usual", "4 odd", "3 wrong", "2 dire")
_BEGIN = "<!-- packages: made from tests/packages by script/lib/packages_table.py -->\n"
_END = "<!-- end of packages -->\n"

sys.path.insert(0, str(_HANDLER))

from systemd_handler._escape import unescape  # noqa: E402


class Package(NamedTuple):
    """What is run of a package, and what a person would want to see of it in the journal."""

    name: str  # as the index has it
    program: str
    kind: str = "logs"
    entries: tuple[str, ...] = _LEVELS  # in order: the priority, and a word that is in the text
    install: tuple[str, ...] = ()  # what else it needs
    why: str = ""  # the reason where it is not right, or cannot be run


class Entry(NamedTuple):
    """An entry as journald would have it."""

    priority: int
    text: str


def packages() -> list[Package]:
    """All packages of programs.toml, in its order."""
    tables = tomllib.loads((PACKAGES / "programs.toml").read_text(encoding="utf-8"))
    return [_package(name, table) for name, table in tables.items()]


def _package(name: str, table: dict[str, Any]) -> Package:
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
    }
    return Package(name=name, **values)


def entries_of(python: Path, package: Package, directory: Path) -> list[Entry]:
    """Run the program with its output in what it takes for journald's stream.

    Raises `subprocess.TimeoutExpired` where it does not end.
    """
    program = directory / "program.py"
    program.write_text(package.program, encoding="utf-8")
    journal, stream = socket.socketpair()  # as journald's is
    status = os.fstat(stream.fileno())
    received: list[bytes] = []
    reader = threading.Thread(target=_receive, args=(journal, received), daemon=True)
    reader.start()
    with stream:
        process = subprocess.Popen(
            [python, program],
            cwd=directory,
            env={
                "HOME": str(directory),
                "PATH": f"{python.parent}:{os.environ['PATH']}",
                "PYTHONPATH": f"{PACKAGES}:{directory}",
                "SYSTEMD_HANDLER": "auto",
                "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}",
            },
            stdin=subprocess.DEVNULL,
            stdout=stream.fileno(),
            stderr=stream.fileno(),
            start_new_session=True,
        )
        try:
            process.wait(_RUN_LIMIT)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it left behind as well
            process.wait()
    reader.join(_RUN_LIMIT)
    return _entries(b"".join(received))


def _receive(journal: socket.socket, received: list[bytes]) -> None:
    """Take what is sent until nobody can send any more."""
    with journal:
        while data := journal.recv(1 << 16):
            received.append(data)


def _entries(data: bytes) -> list[Entry]:
    """Entries by the rules of journald: a newline ends one, and one prefix counts."""
    entries = []
    for line in re.split(rb"[\n\0]", data):
        prefix = re.match(rb"<([0-7])>", line)
        text = (line[3:] if prefix else line).decode(errors="replace").rstrip()
        if text:
            entries.append(Entry(int(prefix[1]) if prefix else 6, unescape(text)))
    return entries


def differences(package: Package, found: list[Entry]) -> list[str]:
    """What is not as expected, a phrase each.

    Entries beyond those are a package's banners and hints, unless they are pieces of a traceback
    or of something that shows progress.
    """
    wrong = []
    rest = list(found)
    for line in package.entries:
        priority, word = line.split(" ", 1)
        entry = next((entry for entry in rest if word in entry.text), None)
        if entry is None:
            wrong.append(f"no entry with “{word}”")
            continue
        rest.remove(entry)
        if entry.priority != int(priority):
            wrong.append(f"“{word}” has {entry.priority}, not {priority}")
    pieces = [
        entry for entry in rest if re.match(r"  File |\S*(Error|Exception):|\s+\^", entry.text)
    ]
    if pieces:
        wrong.append(f"a traceback is in {len(pieces) + 1} entries")
    if package.kind == "shows progress" and rest:
        wrong.append(f"{len(rest)} more entries")
    return wrong


def result_of(package: Package) -> tuple[str, str]:
    """Install and run it: its version, and what came of it."""
    directory = _CACHE / package.name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    python = directory / "venv" / "bin" / "python"
    try:
        _uv("venv", "--quiet", "--python", sys.executable, str(directory / "venv"))
        if package.name.split(".")[0] in sys.stdlib_module_names:
            version = ".".join(map(str, sys.version_info[:3]))
        else:
            names = (package.name, *package.install)
            _uv("pip", "install", "--quiet", "--python", str(python), *names)
            listed = json.loads(_uv("pip", "list", "--python", str(python), "--format", "json"))
            version = {_plain(each["name"]): each["version"] for each in listed}[
                _plain(package.name)
            ]
        [site] = directory.glob("venv/lib/python*/site-packages")
        # As the role installs it: the package, and what Python reads when it starts.
        shutil.copytree(_HANDLER / "systemd_handler", site / "systemd_handler")
        shutil.copy(_HANDLER / "systemd_handler" / "startup.pth", site / "systemd_handler.pth")
        found = entries_of(python, package, directory)
    except subprocess.TimeoutExpired as error:
        return (
            "",
            f"`{' '.join(map(str, error.cmd[:3]))} …` did not end within {error.timeout:.0f} s",
        )
    except subprocess.CalledProcessError as error:
        return "", f"cannot be installed: {error.stderr.strip().splitlines()[-1]}"
    wrong = differences(package, found)
    if not wrong:
        shutil.rmtree(directory)
        return version, "right"
    print(*(f"    {entry.priority} {entry.text[:200]!r}" for entry in found), sep="\n")
    return version, "; ".join(wrong)


def _plain(name: str) -> str:
    """A package's name as it is compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _uv(*arguments: str) -> str:
    done = subprocess.run(
        [_UV, *arguments], capture_output=True, text=True, timeout=_INSTALL_LIMIT, check=True
    )
    return done.stdout


def row_of(package: Package) -> str:
    """A row of the table, from a run."""
    if not package.program:
        version, result = "", "not run"
    else:
        version, result = result_of(package)
    if result != "right" and package.why:
        result = f"{result}: {package.why}"
    cells = (package.name, version, package.kind, " ".join(result.split()).replace("|", "\\|"))
    return "| " + " | ".join(cells) + " |"


def rows() -> dict[str, str]:
    """The rows that the page has, by the name of their package."""
    table = PAGE.read_text(encoding="utf-8").partition(_BEGIN)[2].partition(_END)[0]
    lines = [line for line in table.splitlines()[2:] if line.startswith("| ")]
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines}


def _write(known: dict[str, str]) -> None:
    """Write the page with the rows of those packages that programs.toml has, in its order."""
    lines = [known[package.name] for package in packages() if package.name in known]
    right = sum(line.endswith("| right |") for line in lines)
    table = [
        "| package | version | what it does | result |",
        "|---|---|---|---|",
        *lines,
        "",
        f"{len(lines)} packages, {right} of them right.",
    ]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    after = rest.partition(_END)[2]
    PAGE.write_text(before + _BEGIN + "\n".join(table) + "\n" + _END + after, encoding="utf-8")


def main() -> None:
    """Run the packages that were asked for, and write each row as soon as it is there."""
    asked = sys.argv[1:]
    known = rows()
    for package in packages():
        if package.name in asked or (not asked and package.name not in known):
            print(package.name, flush=True)
            known[package.name] = row_of(package)
            print(f"    {known[package.name]}", flush=True)
            _write(known)
    _write(known)


if __name__ == "__main__":
    main()
