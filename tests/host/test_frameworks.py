"""The lines of docs/frameworks.md: with them, what matters has fields and the rest has its priority."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from lab import PROJECT
from lab.deploys import Player, Service
from lab.wheels import SERVICES, requirements
from testinfra.host import Host

HOST = "debian-13"
#: Processes by what they use: the command, and how a process is asked that waits for a request.
COMMANDS = {
    "django": "python -m shop.use",
    "flask": "python use_flask.py",
    "fastapi": "uvicorn --port 8491 use_fastapi:app",
    "celery": "celery --app use_celery worker --pool solo --without-mingle --without-gossip",
    "gunicorn": "gunicorn --bind 127.0.0.1:8492 --access-logfile - use_gunicorn",
    "structlog": "python use_structlog.py",
    "loguru": "python use_loguru.py",
}
PORTS = {"fastapi": 8491, "gunicorn": 8492}
#: Beside what the page shows, Django has to be told what it serves.
SITE = '\nROOT_URLCONF, SECRET_KEY, ALLOWED_HOSTS = "shop.urls", "a secret", ["*"]\n'


def files_of_the_page() -> dict[str, str]:
    text = (PROJECT / "docs" / "frameworks.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^```python\n# (\S+)\n(.+?)^```$", text, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("frameworks") / "source"
    shutil.copytree(SERVICES / "frameworks", directory)
    for path, text in files_of_the_page().items():
        (directory / path).write_text(text + (SITE if "settings" in path else ""))
    return directory


def test_what_matters_has_fields(host: Host, player: Player, source: Path) -> None:
    processes: dict[str, dict[str, Any]] = {
        name: {
            "command": command,
            "type": "exec" if name in PORTS or name == "celery" else "oneshot",
        }
        for name, command in COMMANDS.items()
    }
    for name, port in PORTS.items():
        processes[name]["health"] = {"url": f"http://127.0.0.1:{port}/pay", "status": 500}
    given: dict[str, Any] = {
        "name": "frames",
        "src": str(source),
        "command": "/usr/bin/sleep 100000",
        "processes": processes,
        **requirements("frameworks.txt", "3.13"),
    }
    player.role(**given).succeeded()
    for name in COMMANDS:
        service = Service(host, f"frames-{name}")
        (late, *_) = service.eventually(lambda service=service: service.entries("late"))  # type: ignore[misc]
        assert (late["PRIORITY"], late["ORDER"]) == ("4", "7"), name
        if name == "structlog":
            assert late["TRACE_ID"] == "4bf92f3577b34da6a3ce929d0e0e4736"
            assert late["SPAN_ID"] == "00f067aa0ba902b7"
        errors = [
            entry
            for entry in service.entries("")
            if entry.get("EXCEPTION") in ("builtins.LookupError", "builtins.KeyError")
        ]
        assert errors, name
        assert {entry["PRIORITY"] for entry in errors} == {"3"}, name
        assert len(errors[0]["EXCEPTION_FINGERPRINT"]) == 12
        usual = {entry["PRIORITY"] for entry in service.entries("") if "LOGGER" not in entry}
        assert usual <= {"5", "6"}, name
    player.role(name="frames", state="absent", remove_data=True).succeeded()
