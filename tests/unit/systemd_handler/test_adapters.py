"""Levels that are known before the text is written, and lines that are drawn over themselves."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from systemd_handler._escape import unescape

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.systemd_handler.conftest import Journal

    Entries = Callable[[str], list[tuple[int, str]]]

START = "from systemd_handler import _auto; _auto.start()\nimport sys\n"


@pytest.fixture
def entries(journal: Journal, tmp_path: Path) -> Entries:
    """Run a program with all of its output in a journal; priority and text of the entries."""

    def run(program: str) -> list[tuple[int, str]]:
        file = tmp_path / "program.py"  # which processes that are spawned read again
        file.write_text(START + program)
        journal.run(
            "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')", str(file)
        )
        return [(priority, unescape(text)) for priority, text in journal.entries()]

    return run


REQUESTS = """
import http.server, threading, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/boom": raise ValueError("boom")
        status = int(self.path[1:])
        if status == 200: self.send_response(200); self.end_headers()
        elif status == 299: self.log_error("odd %s", self.path); self.log_request(); self.log_request(size=5)
        else: self.send_error(status)
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
thread = threading.Thread(target=server.serve_forever)
thread.start()
for path in {paths!r}:
    try: urllib.request.urlopen(f"http://127.0.0.1:{{server.server_port}}/{{path}}", timeout=30)
    except OSError: pass
server.shutdown()
thread.join()
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("200", [(6, '"GET /200 HTTP/1.1" 200 -')]),
        ("404", [(6, "code 404, message Not Found"), (6, '"GET /404 HTTP/1.1" 404 -')]),
        ("503", [(3, "code 503, message Service Unavailable"), (3, '"GET /503 HTTP/1.1" 503 -')]),
        (
            "299",
            [(4, "odd /299"), (6, '"GET /299 HTTP/1.1" - -'), (6, '"GET /299 HTTP/1.1" - 5')],
        ),
    ],
)
def test_an_answer_has_the_priority_of_its_status(
    entries: Entries, path: str, expected: list[tuple[int, str]]
) -> None:
    found = entries(REQUESTS.format(paths=[path]))
    assert [(priority, text.split("] ")[1]) for priority, text in found] == expected


def test_what_a_request_fails_with_is_one_entry(entries: Entries) -> None:
    [(priority, text)] = entries(REQUESTS.format(paths=["boom"]))
    assert priority == 3
    assert text.startswith(f"{'-' * 40}\nException occurred")
    assert text.endswith(f"ValueError: boom\n{'-' * 40}")


def test_a_wsgi_application_that_fails_is_one_entry_and_an_error(entries: Entries) -> None:
    program = """
import threading, urllib.request
from wsgiref.simple_server import make_server
def fail(environ, start): raise ValueError("boom")
server = make_server("127.0.0.1", 0, fail)
thread = threading.Thread(target=server.handle_request)
thread.start()
try: urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/", timeout=30)
except OSError: pass
thread.join()
"""
    (first, traceback), (second, access) = entries(program)
    assert (first, second) == (3, 3)
    assert traceback.startswith("Traceback")
    assert traceback.endswith("ValueError: boom")
    assert '"GET / HTTP/1.1" 500' in access


@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
def test_a_process_that_dies_is_one_entry(entries: Entries, way: str) -> None:
    program = f"""
import multiprocessing, sys
def fail(): raise ValueError("boom")
def leave(): print("told"); sys.exit(3)
if __name__ == "__main__":
    context = multiprocessing.get_context({way!r})
    for target in (fail, leave):
        process = context.Process(target=target, name="worker")
        process.start(); process.join()
        print(process.exitcode)
"""
    (priority, text), *others = entries(program)
    assert priority == 3
    assert text.startswith("Process worker:\nTraceback")
    assert text.endswith("ValueError: boom")
    assert "_run_and_report" not in text
    assert others == [(6, "1"), (6, "told"), (6, "3")]


def test_a_record_that_no_handler_takes_has_its_priority(entries: Entries) -> None:
    assert entries("import logging; logging.getLogger('app').error('a\\nb')") == [(3, "a\nb")]


def test_what_is_drawn_over_is_one_entry_when_it_is_done(entries: Entries) -> None:
    program = """
for done in range(3): print(f"\\r{done} of 2", end="", flush=True)
print(); print("next")
print("\\rone", end="", flush=True); print(", and more")
print("begun", end="", flush=True); print("\\rnot drawn\\rover")
print("\\rleft", end="", flush=True)
"""
    assert entries(program) == [
        (6, "2 of 2"),
        (6, "next"),
        (6, "one, and more"),
        (6, "begun"),
        (6, "\rnot drawn\rover"),
        (6, "left"),
    ]


WRITER = """
class Handler:
    def emit(self, record): print(record.level)
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Packages that have names of known ones, and little of what those have."""
    directory = tmp_path / "packages"
    for name in ("supervisor", "typer"):
        (directory / name).mkdir(parents=True)
        (directory / name / "__init__.py").touch()
    (directory / "supervisor" / "loggers.py").write_text(WRITER)
    (directory / "typer" / "main.py").touch()
    (directory / "other.py").write_text(WRITER)
    return directory


@pytest.mark.skipif(sys.version_info < (3, 10), reason="archives have no exec_module() there")
def test_packages_of_one_archive_are_kept_apart(entries: Entries, package: Path) -> None:
    archive = shutil.make_archive(str(package), "zip", package)
    program = f"""
sys.path.insert(0, {archive!r})
from systemd_handler._imported import when_imported
when_imported("supervisor", lambda module: print(module.__name__))
import supervisor.loggers, other
class Record: level = 30
supervisor.loggers.Handler().emit(Record)
other.Handler().emit(Record)
"""
    assert entries(program) == [(6, "supervisor"), (4, "30"), (6, "30")]


def test_a_package_that_has_changed_is_left_as_it_is(entries: Entries, package: Path) -> None:
    program = f"""
sys.path.insert(0, {str(package)!r})
import supervisor.loggers, typer.main
class Handler(supervisor.loggers.Handler): pass
class Record:
    @property
    def level(self):
        self.asked = getattr(self, "asked", 0) + 1
        if self.asked == 1: raise RuntimeError
        return "as ever"
Handler().emit(Record())
print(vars(typer.main).get("except_hook"))
"""
    assert entries(program) == [(6, "as ever"), (6, "None")]


@pytest.mark.usefixtures("unmeasured")
def test_nothing_is_imported_that_the_program_does_not_import(entries: Entries) -> None:
    program = (
        "from systemd_handler import _adapters\n"
        "print({*_adapters._WRITERS, *_adapters._OTHERS} & set(sys.modules))"
    )
    assert entries(program) == [(6, "set()")]


def test_two_may_wait_for_one_module(entries: Entries) -> None:
    program = """
from systemd_handler._imported import when_imported
when_imported("wsgiref.util", lambda module: print("one"))
when_imported("wsgiref.util", lambda module: 1 / 0)
when_imported("wsgiref.util", lambda module: print("two", module.__name__))
import wsgiref.util
"""
    assert entries(program) == [(6, "one"), (6, "two wsgiref.util")]
