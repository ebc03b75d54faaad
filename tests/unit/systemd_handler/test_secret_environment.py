"""Credentials that a program finds in `os.environ`, and the kernel nowhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import systemd_handler

#: What a program and its children find.
PROGRAM = """
import json, os, subprocess, sys
reader, writer = os.pipe()
child = os.fork()
if not child:
    os.write(writer, os.environ.get("KEY", "none").encode())
    os._exit(0)
os.waitpid(child, 0)
command = [sys.executable, "-c", "import os; print(os.environ.get('KEY'))"]
with open("/proc/self/environ") as file:
    print(json.dumps({
        "itself": os.environ.get("KEY"),
        "getenv": os.getenv("KEY"),
        "forked": os.read(reader, 1000).decode(),
        "kernel": "KEY=" in file.read().replace("\\0", "\\n"),
        "child": "KEY=" in subprocess.run(["env"], capture_output=True, text=True).stdout,
        "python": subprocess.run(command, capture_output=True, text=True).stdout.strip(),
        "logging": "systemd_handler._auto" in sys.modules,
    }))
"""


def run(directory: Path, names: str, **credentials: str) -> subprocess.CompletedProcess[str]:
    """Run the program where these are its credentials, as Python with the package runs it."""
    for name, value in credentials.items():
        (directory / name).write_bytes(value.encode())
    package = Path(systemd_handler.__file__).parent
    packages = directory / "packages"
    packages.mkdir(exist_ok=True)
    if not (packages / "systemd_handler").exists():
        (packages / "systemd_handler").symlink_to(package)
    (packages / "startup.pth").write_text((package / "startup.pth").read_text())
    # What the site module does at the start for each directory of packages.
    (packages / "sitecustomize.py").write_text(
        f"import site, sys; sys.path.remove({str(packages)!r}); site.addsitedir({str(packages)!r})"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(packages),
        "CREDENTIALS_DIRECTORY": str(directory),
        "PYTHON_SERVICE_SECRET_ENVIRONMENT": names,
    }
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={name: value for name, value in environment.items() if value},
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )


def test_it_is_in_the_process_and_its_forks_and_nowhere_else(tmp_path: Path) -> None:
    value = "a 'quote', 100 %, $HOME, \\n,\nand é\n"
    ended = run(tmp_path, "KEY", KEY=value)
    assert ended.stderr == ""
    assert json.loads(ended.stdout) == {
        "itself": value,
        "getenv": value,
        "forked": value,
        "kernel": False,
        "child": False,
        # A Python of the same kind finds it as this one did.
        "python": value.strip(),
        "logging": False,
    }


def test_only_what_is_named_is_there(tmp_path: Path) -> None:
    assert json.loads(run(tmp_path, "OTHER", KEY="1", OTHER="2").stdout)["itself"] is None
    assert json.loads(run(tmp_path, "", KEY="1").stdout)["itself"] is None


def test_one_that_did_not_come_is_named_and_the_program_runs(tmp_path: Path) -> None:
    ended = run(tmp_path, "MISSING KEY", KEY="1")
    assert json.loads(ended.stdout)["itself"] == "1"
    assert ended.stderr.startswith("<3>os.environ has no MISSING: ")
