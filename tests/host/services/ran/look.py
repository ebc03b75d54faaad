"""Tells what a process of the service has, as JSON."""

import json
import os
import pathlib
import pwd
import sys

#: What differs from one process to the next, or comes with a terminal or a shell.
_OWN = ("CREDENTIALS_DIRECTORY", "INVOCATION_ID", "JOURNAL_STREAM", "PWD", "SYSTEMD_EXEC_PID")
_OWN += ("MEMORY_PRESSURE_WATCH", "MEMORY_PRESSURE_WRITE", "OLDPWD", "SHLVL", "TERM", "_")


def writable(path: str) -> bool:
    try:
        pathlib.Path(path, "probe").write_text("x")
    except OSError:
        return False
    return True


def look() -> dict[str, object]:
    status = pathlib.Path("/proc/self/status").read_text().splitlines()
    confined = ("Cap", "Groups", "NoNewPrivs", "Seccomp:", "Umask")
    secrets = pathlib.Path(os.environ["CREDENTIALS_DIRECTORY"])
    return {
        "account": pwd.getpwuid(os.getuid()).pw_name,
        "directory": os.getcwd(),
        "environment": {name: os.environ[name] for name in os.environ if name not in _OWN},
        "confined": [line for line in status if line.startswith(confined)],
        "writable": [path for path in ("/etc", ".", "/tmp", "/var/lib/ran") if writable(path)],
        "processes": os.path.exists("/proc/1"),
        "secret": (secrets / "KEY").read_text(),
        "python": sys.executable,
    }


if __name__ == "__main__":
    print(json.dumps(look()))
