"""A program that knows nothing of the journal gets entries with their priorities."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from systemd_handler._escape import unescape
from systemd_handler._journald import loss
from systemd_handler._pieces import Joiner, cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.systemd_handler.conftest import Journal

    Entries = Callable[..., list[tuple[int, str]]]
    EnvironmentWith = Callable[..., dict[str, str]]

START = "from systemd_handler import _auto; _auto.start()\nimport logging, sys\n"


@pytest.fixture
def entries(journal: Journal) -> Entries:
    """Run a program with all of its output in a journal; priority and text of the entries."""

    def run(program: str) -> list[tuple[int, str]]:
        journal.run(START + program)
        return [(priority, unescape(text)) for priority, text in journal.entries()]

    return run


def test_what_a_print_writes_is_one_entry_that_cannot_forge(entries: Entries) -> None:
    program = "print('one')\nprint('a\\nb', 1)\nprint('<0>x', file=sys.stderr)\nprint('a\\0<0>b')\n"
    assert entries(program) == [(6, "one"), (6, "a\nb 1"), (4, "<0>x"), (6, "a\0<0>b")]


def test_a_line_is_an_entry_when_it_ends(entries: Entries) -> None:
    program = (
        "print('a', end=''); print('b', end=' '); print('c')\n"
        "print('waits', end='', flush=True); print('end')\n"
        "print(); print('\\n  \\n')\n"
        "sys.stdout.write('last')\n"
    )
    assert entries(program) == [(6, "ab c"), (6, "waits"), (6, "end"), (6, "last")]


def test_a_record_between_leaves_a_half_line_whole(entries: Entries) -> None:
    program = "print('half', end=' ')\nlogging.StreamHandler(sys.stdout).handle("
    program += "logging.makeLogRecord({'msg': 'record', 'levelno': 40}))\nprint('done')"
    assert entries(program) == [(3, "record"), (6, "half done")]


def test_a_text_without_end_is_not_held_for_ever(journal: Journal) -> None:
    program = (
        f"{START}import os\nfrom systemd_handler import _streams\n_streams._LONGEST_HALF = 32_000\n"
        "for _ in range(40): print('x' * 1000, end='')\nos._exit(0)"
    )
    journal.run(program)
    assert [len(text) for _, text in journal.entries()] > [32_000]


def test_lines_below_the_text_layer_are_entries_as_well(entries: Entries) -> None:
    program = (
        "import io\n"
        "sys.stderr.buffer.write(b'one\\n<0>two\\n\\xff\\n')\n"
        "again = io.TextIOWrapper(sys.stdout.buffer, encoding='utf-8')\n"
        "print('three\\nfour', file=again, flush=True)\n"
    )
    assert entries(program) == [(4, "one"), (4, "<0>two"), (4, "\udcff"), (6, "three"), (6, "four")]


@pytest.mark.parametrize(
    "handler",
    [
        "logging.StreamHandler()",
        "logging.StreamHandler(sys.stdout)",
        "logging.StreamHandler(sys.__stderr__)",
        "Pieces()",
        "Late()",
    ],
)
def test_what_any_handler_writes_has_the_priority_of_the_record(
    entries: Entries, handler: str
) -> None:
    program = f"""
class Pieces(logging.Handler):
    def emit(self, record):
        for part in self.format(record).split(" "):
            sys.stderr.write(part + " ")
            sys.stderr.flush()
class Late(logging.StreamHandler):
    terminator = ""
    def emit(self, record):
        super().emit(record)
        print("!", file=self.stream)
log = logging.Logger("app")
log.addHandler({handler})
for level in (10, 20, 25, 30, 40, 50): log.log(level, "at\\n%d", level)
"""
    found = entries(program)
    assert [priority for priority, _ in found] == [7, 6, 5, 4, 3, 2]
    assert [text.rstrip(" !") for _, text in found] == [
        f"at\n{n}" for n in (10, 20, 25, 30, 40, 50)
    ]


def test_an_empty_record_is_kept(entries: Entries) -> None:
    program = "logging.basicConfig(format='%(message)s')\nlogging.error('')\nlogging.error(' ')"
    assert entries(program) == [(3, ""), (3, " ")]


def test_records_and_settings_stay_the_programs_own(entries: Entries) -> None:
    program = (
        "logging.basicConfig(level=logging.INFO, format='%(levelname)s|%(message)s')\n"
        "logging.debug('hidden'); logging.info('seen')\n"
    )
    assert entries(program) == [(6, "INFO|seen")]


def test_a_file_handler_writes_its_file_as_ever(entries: Entries, tmp_path: Path) -> None:
    path = tmp_path / "log"
    program = f"logging.basicConfig(filename={str(path)!r})\nlogging.error('a\\nb')"
    assert entries(program) == []
    assert path.read_text() == "ERROR:root:a\nb\n"


def test_a_record_logged_while_another_is_handled_has_its_own_priority(entries: Entries) -> None:
    program = """
class Chatty(logging.StreamHandler):
    def emit(self, record):
        logging.Logger.manager.loggerDict["inner"].debug("inner")
        super().emit(record)
inner = logging.getLogger("inner")
inner.setLevel(10)
inner.addHandler(logging.StreamHandler())
inner.propagate = False
log = logging.Logger("app")
log.addHandler(Chatty())
log.error("outer")
"""
    assert entries(program) == [(7, "inner"), (3, "outer")]


def test_reports_and_printed_tracebacks_are_one_entry(entries: Entries) -> None:
    program = """
import traceback
logging.warning("%d", "bad")
try:
    1 / 0
except ZeroDivisionError:
    traceback.print_exc()
    traceback.print_exc(file=sys.stdout)
"""
    (report, first), (printed, second), (out, third) = entries(program)
    assert (report, printed, out) == (3, 4, 6)
    assert first.startswith("--- Logging error ---\n")
    assert second == third
    assert second.startswith("Traceback (most recent call last):\n")
    assert second.endswith("ZeroDivisionError: division by zero")


def test_crashes_and_warnings_are_entries(entries: Entries) -> None:
    program = """
import threading, warnings
warnings.warn("careful")
thread = threading.Thread(target=lambda: 1 / 0, name="worker")
thread.start()
thread.join()
class Closing:
    def __del__(self): raise KeyError
Closing()
sys.stderr = open("/dev/null", "w")
raise ValueError("a\\nb")
"""
    found = entries(program)
    assert [priority for priority, _ in found] == [4, 3, 3, 2]
    assert found[1][1].startswith("Uncaught exception in thread worker\n")
    assert found[3][1].endswith("ValueError: a\nb")


def test_a_hook_of_the_programs_own_is_the_one_that_counts(entries: Entries) -> None:
    program = "sys.excepthook = lambda *_: print('mine')\nraise ValueError"
    assert entries(program) == [(6, "mine")]


def test_a_hook_of_the_programs_own_may_call_pythons(entries: Entries) -> None:
    program = (
        "print(sys.excepthook is sys.__excepthook__)\n"
        "def hook(*error):\n"
        "    print('mine')\n"
        "    sys.__excepthook__(*error)\n"
        "sys.excepthook = hook\n"
        "raise ValueError('wrong')"
    )
    same, mine, (priority, text) = entries(program)
    assert (same, mine, priority) == ((6, "True"), (6, "mine"), 2)
    assert text.startswith("Uncaught exception\nTraceback")
    assert text.endswith("ValueError: wrong")


def test_install_takes_over_what_nobody_catches(entries: Entries) -> None:
    program = (
        "import systemd_handler; systemd_handler.install(fmt='%(message)s')\n"
        "print('printed')\nlogging.info('logged')\nraise ValueError"
    )
    (_, printed), logged, (priority, crash) = entries(program)
    assert (printed, logged, priority) == ("printed", (6, "logged"), 2)
    assert crash.startswith("Uncaught exception\nTraceback")


def test_install_takes_it_in_its_own_format(entries: Entries) -> None:
    program = (
        "import systemd_handler; systemd_handler.install(fmt='[%(message)s')\nraise ValueError"
    )
    [(_, text)] = entries(program)
    assert text.startswith("[Uncaught exception\n")


def test_what_was_printed_before_is_not_held_back(journal: Journal) -> None:
    journal.run(f"import os, sys\nkept = sys.stdout\nprint('early')\n{START}os._exit(0)")
    assert journal.entries() == [(6, "early")]


def test_a_stream_that_leads_elsewhere_is_left_alone(
    journal: Journal, environment_with: EnvironmentWith
) -> None:
    program = f"import sys\nbefore = sys.stdout\n{START}print(sys.stdout is before)"
    result = subprocess.run(
        [sys.executable, "-c", program],
        env=environment_with(JOURNAL_STREAM=journal.name),
        stdout=subprocess.PIPE,
        stderr=journal.stream,
        timeout=60,
        check=True,
    )
    assert result.stdout == b"True\n"


HANDLER = """
class Handler(logging.StreamHandler):
    def emit(self, record):
        super().emit(record)
        {then}
logging.getLogger().addHandler(Handler())
logging.critical("last words")
"""


def test_what_a_handler_has_flushed_survives_the_end_of_the_process(entries: Entries) -> None:
    assert entries(HANDLER.format(then="import os; os._exit(3)")) == [(2, "last words")]


def test_a_process_that_was_forked_inside_a_handler_has_its_own_words(entries: Entries) -> None:
    then = "import os; os.fork() or (print('child'), sys.stdout.flush(), os._exit(0)); os.wait()"
    assert sorted(entries(HANDLER.format(then=then))) == [(2, "last words"), (6, "child")]


def test_a_thread_that_is_started_inside_a_handler_has_its_own_words(entries: Entries) -> None:
    then = "import threading; t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()"
    assert entries(HANDLER.format(then=then)) == [(2, "last words"), (6, "thread")]


def test_the_half_line_of_a_thread_that_ends_is_an_entry(entries: Entries) -> None:
    program = (
        "import threading\nt = threading.Thread(target=lambda: print('half', end=''))\n"
        "t.start(); t.join(); print('main')\n"
    )
    assert entries(program) == [(6, "half"), (6, "main")]


def test_first_writes_of_many_threads_are_entries(entries: Entries) -> None:
    # Whether the stream leads to journald is found out by whoever writes first, and takes time.
    program = """
import threading, time
from systemd_handler import _streams
found_out = _streams.under_journald
_streams.under_journald = lambda fd: (time.sleep(0.05), found_out(fd))[1]
barrier = threading.Barrier(8)
def work(n): barrier.wait(); print("a\\nb", n, file=sys.stderr)
threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
for t in threads: t.start()
for t in threads: t.join()
"""
    assert sorted(entries(program)) == [(4, f"a\nb {n}") for n in range(8)]


def test_an_interruption_is_one_entry(entries: Entries) -> None:
    [(priority, text)] = entries("raise KeyboardInterrupt")
    assert priority == 4
    assert text.startswith("Traceback")


def test_so_is_that_of_a_thread(entries: Entries) -> None:
    program = (
        "import threading\ndef work(): raise KeyboardInterrupt\n"
        "t = threading.Thread(target=work); t.start(); t.join()"
    )
    [(priority, text)] = entries(program)
    assert priority == 4
    assert text.startswith("Exception in thread")


def test_greenlets_of_one_thread_are_kept_apart(entries: Entries) -> None:
    # A greenlet is a context of its own: one may be inside a handler while another prints.
    program = """
from contextvars import copy_context
from systemd_handler._streams import OneEntry
one, other = copy_context(), copy_context()
first, second = OneEntry(40), OneEntry(20)
one.run(first.__enter__)
print("outside 1")
other.run(second.__enter__)
one.run(print, "one")
other.run(print, "other")
one.run(first.__exit__, None, None, None)
print("outside 2")
other.run(second.__exit__, None, None, None)
print("outside 3")
"""
    assert entries(program) == [
        (6, "outside 1"),
        (3, "one"),
        (6, "outside 2"),
        (6, "other"),
        (6, "outside 3"),
    ]


def test_a_crash_comes_to_a_stream_of_the_programs_own_as_well(
    entries: Entries, tmp_path: Path
) -> None:
    program = f"""
class Tee:
    def __init__(self): self.file, self.stream = open({str(tmp_path / "copy")!r}, "w"), sys.stderr
    def write(self, text): self.file.write(text); self.stream.write(text)
    def flush(self): self.file.flush(); self.stream.flush()
sys.stderr = Tee()
raise ValueError
"""
    [(priority, text)] = entries(program)
    assert priority == 2
    assert (tmp_path / "copy").read_text() == f"{text}\n"


def test_after_dup2_all_arrives_as_it_is(entries: Entries, tmp_path: Path) -> None:
    path = tmp_path / "log"
    program = (
        f"import os\nos.dup2(os.open({str(path)!r}, os.O_WRONLY | os.O_CREAT), 2)\n"
        "logging.error('%s', '\\ud800')\nprint('x' * 300_000, file=sys.stderr)\n"
    )
    assert entries(program) == []
    assert path.read_text() == "ERROR:root:\\ud800\n" + "x" * 300_000 + "\n"


# A journal that is a socket, as the real one is, and what came to it at the end.
BY_SOCKET = """
import os, socket, sys
journald, ours = socket.socketpair()
status = os.fstat(ours.fileno())
os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
kept = os.dup(1)
os.dup2(ours.fileno(), 1)
from systemd_handler import _auto; _auto.start()
import logging
handler = logging.StreamHandler(sys.stdout)
log = logging.Logger("app")
log.addHandler(handler)
def came(end=journald): os.write(kept, end.recv(1 << 16) + b"--\\n")
"""


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("log.error('a'); log.info('b'); log.info('c\\nd'); came()", "<3>a\n<6>b\n<6>c\\nd\n--\n"),
        (
            "log.error('a'); os.dup2(kept, 1); log.error('b'); log.error('c'); came()",
            "b\nc\n<3>a\n--\n",
        ),
        (
            (
                "other, end = socket.socketpair(); log.error('a'); os.dup2(other.fileno(), 1)\n"
                "sys.stdout.entries.sure_until = 0\n"
                "log.error('b\\nc'); log.error('d'); came(); came(end)"
            ),
            "<3>a\n--\nb\nc\nd\n--\n",
        ),
        (
            (
                "class Own(logging.Formatter):\n"
                "    def format(self, record): return 'own ' + super().format(record)\n"
                "log.error('a'); handler.setFormatter(Own()); log.error('b')\n"
                "handler.formatter = None; handler.format = lambda record: 'put'; log.error('c')\n"
                "del handler.format; handler.addFilter(lambda record: record.msg != 'd')\n"
                "log.error('d'); handler.terminator = '!\\n'; log.error('e'); came()"
            ),
            "<3>a\n<3>own b\n<3>put\n<3>e!\n--\n",
        ),
        (
            (
                "log.error('a'); emit = logging.StreamHandler.emit\n"
                "logging.StreamHandler.emit = lambda self, r: (setattr(r, 'msg', 'b'), emit(self, r))\n"
                "log.error('c'); came()"
            ),
            "<3>a\n<3>b\n--\n",
        ),
        (
            "with open(os.dup(kept), 'w') as own: handler.setStream(own); log.error('a')",
            "a\n",
        ),
        (
            (
                "def told(*_): os.write(kept, b'told\\n')\n"
                "handler.flush = told; log.error('a'); del handler.flush\n"
                "handler.emit = told; log.error('b'); del handler.emit\n"
                "class Flushes(logging.StreamHandler): flush = told\n"
                "log.handlers = [Flushes(sys.stdout)]; log.error('c')\n"
                "class Formats(logging.StreamHandler):\n"
                "    def format(self, record): return 'put'\n"
                "log.handlers = [Formats(sys.stdout)]; log.error('d'); came()"
            ),
            "told\ntold\ntold\n<3>a\n<3>c\n<3>put\n--\n",
        ),
        (
            (
                "log.error('a'); sys.stdout.close(); sys.stdout.entries.sure_until = 0\n"
                "logging.raiseExceptions = False; log.error('b'); came()"
            ),
            "<3>a\n--\n",
        ),
        (
            (
                "class Recurses(logging.Formatter):\n"
                "    def format(self, record): raise RecursionError\n"
                "handler.setFormatter(Recurses())\n"
                "try: log.error('a')\n"
                "except RecursionError: handler.formatter = None; log.error('b'); came()"
            ),
            "<3>b\n--\n",
        ),
        (
            "log.error('a'); log.error('x' * 50_000); came()",
            "<3>a\n" + "".join(f"<3>{piece.decode()}\n" for piece in cut(b"x" * 50_000)) + "--\n",
        ),
        (
            "log.error('a'); sys.stdout.entries.lines._lost = 2; log.error('b'); came()",
            f"<3>a\n<4>{loss(2)}\n<3>b\n--\n",
        ),
        (
            (
                "other = logging.makeLogRecord({'msg': 'other', 'levelno': 20})\n"
                "handler.addFilter(lambda record: other); log.error('a'); came()"
            ),
            # What a filter gives in the place of a record counts from Python 3.12 on.
            "<6>other\n--\n" if sys.version_info >= (3, 12) else "<3>a\n--\n",
        ),
    ],
)
def test_records_of_a_plain_handler_are_what_they_would_be(
    environment_with: EnvironmentWith, program: str, expected: str
) -> None:
    result = subprocess.run(
        [sys.executable, "-c", BY_SOCKET + program],
        env=environment_with(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.stdout, result.stderr) == (expected, "")


def test_a_crash_is_an_entry_though_no_module_can_be_loaded(entries: Entries) -> None:
    [(priority, text)] = entries("sys.modules['traceback'] = None\nraise ValueError('late')")
    assert priority == 2
    assert text.startswith("Uncaught exception\n")
    assert text.endswith("ValueError: late")


def test_after_dup2_onto_a_pipe_that_is_full_nothing_is_lost(entries: Entries) -> None:
    program = """
import os, threading
reader, writer = os.pipe()
os.set_blocking(writer, False)
kept = os.dup(1)
os.dup2(writer, 1)
os.close(writer)
sizes = []
def drain():
    while data := os.read(reader, 65536): sizes.append(len(data))
thread = threading.Thread(target=drain)
threading.Timer(0.2, thread.start).start()
print("x" * 200_000)
os.dup2(kept, 1)
thread.join()
print(sum(sizes))
"""
    assert entries(program) == [(6, "200001")]


def test_the_binary_layer_keeps_characters_and_last_words(entries: Entries) -> None:
    program = (
        "for byte in 'grün\\n'.encode(): sys.stdout.buffer.write(bytes([byte]))\n"
        "try: sys.stdout.buffer.write(5)\nexcept TypeError: print('refused')\n"
        "import io, os\nsys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding='utf-8')\n"
        "print('last', end='', flush=True)\nos._exit(0)\n"
    )
    assert entries(program) == [(6, "grün"), (6, "refused"), (6, "last")]


SILENT = """
class Silent(logging.Handler):
    def emit(self, record): sys.stderr.write("")
Silent().handle(logging.makeLogRecord({"levelno": 40}))
"""


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("class L(str): record = True\nsys.stdout.write(L('x\\n'))", [(6, "x")]),
        (
            "logging.StreamHandler().handle(logging.makeLogRecord({'msg': 'a', 'levelno': '40'}))",
            [(6, "a")],
        ),
        ("print('a' * 33_000, 'b', '<0>c')", [(6, "a" * 33_000 + " b <0>c")]),
        ("print('a', '')\nsys.stdout.write('b\\r\\n')", [(6, "a"), (6, "b")]),
        (SILENT, []),
    ],
)
def test_odd_writes_are_as_anybody_would_expect(
    journal: Journal, program: str, expected: list[tuple[int, str]]
) -> None:
    journal.run(START + program)
    joiner = Joiner()
    found = [
        (priority, unescape(whole))
        for priority, text in journal.entries()
        for whole, _ in joiner.add(text)
    ]
    assert found == expected


def test_loguru_is_known_by_the_record_that_its_messages_bring(entries: Entries) -> None:
    program = """
class Level: no = 40
class Message(str): record = {"level": Level}
sys.stderr.write(Message("error\\nwith lines\\n"))
"""
    assert entries(program) == [(3, "error\nwith lines")]


def test_a_stream_that_leads_elsewhere_by_then_gets_plain_text(
    entries: Entries, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    program = (
        f"import os\nos.dup2(os.open({str(path)!r}, os.O_WRONLY | os.O_CREAT), 1)\n"
        "print('a\\nb')\nprint('still', file=sys.stderr)"
    )
    assert entries(program) == [(4, "still")]
    assert path.read_text() == "a\nb\n"


def test_a_stream_that_is_closed_ends_nothing(entries: Entries) -> None:
    program = (
        "import os\nos.close(2)\nlogging.error('into the void')\n"
        "try: print('x', file=sys.stderr)\nexcept OSError: print('as ever')\n"
    )
    assert entries(program) == [(6, "as ever")]


def test_streams_behave_as_text_streams_do(entries: Entries) -> None:
    program = """
import io, os
def error_of(call, *given):
    try: call(*given)
    except Exception as error: return f"{type(error).__name__}: {error}"
found = [isinstance(sys.stdout, io.TextIOBase), sys.stdout.fileno(), sys.stdout.name,
    sys.stdout.encoding, sys.stdout.isatty(), sys.stdout.writable(), sys.stdout.mode,
    error_of(sys.stdout.write, b"bytes"), sys.stdout.write("four"), sys.stdout is sys.__stdout__]
print()
sys.stdout.reconfigure(line_buffering=True, encoding="latin-1")
print(*found, "ü")
sys.stdout.writelines(["a\\n", "b\\n"])
sys.stdout.close()
print(error_of(sys.stdout.write, "x"), file=sys.stderr)
layer, stream = sys.stderr.detach(), sys.stderr
layer.write(f"detached: {error_of(stream.write, 'x')}\\n".encode())
layer.close()
os.write(2, f"<4>{error_of(layer.write, b'x')}\\n".encode())
"""
    assert entries(program) == [
        (6, "four"),
        (
            6,
            (
                "True 1 <stdout> utf-8 False True w "
                "TypeError: write() argument must be str, not bytes 4 True ü"
            ),
        ),
        (6, "a"),
        (6, "b"),
        (4, "ValueError: I/O operation on closed file."),
        (4, "detached: ValueError: underlying buffer has been detached"),
        (4, "ValueError: I/O operation on closed file."),
    ]


def test_where_no_journal_listens_nothing_changes(environment_with: EnvironmentWith) -> None:
    program = (
        "import sys, logging\nbefore = sys.stdout, logging.Handler.handle, sys.excepthook\n"
        f"{START}print(before == (sys.stdout, logging.Handler.handle, sys.excepthook))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env=environment_with(JOURNAL_STREAM="1:2"),
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    assert result.stdout == b"True\n"


@pytest.fixture
def by_hand(journal: Journal, environment_with: EnvironmentWith, tmp_path: Path) -> Entries:
    """Run ``python -m systemd_handler`` in a directory with some programs."""
    (tmp_path / "pack").mkdir()
    show = (
        "import sys, pickle\nclass Thing: pass\npickle.loads(pickle.dumps(Thing()))\n"
        "print(__name__, sys.argv[1:], __spec__ and __spec__.name)\n"
    )
    (tmp_path / "pack" / "__init__.py").write_text("print('imported')")
    (tmp_path / "pack" / "__main__.py").write_text(show)
    (tmp_path / "pack" / "other.py").write_text(show)
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "beside.py").touch()
    (tmp_path / "dir" / "__main__.py").write_text(f"import beside\n{show}")
    (tmp_path / "dir" / "script.py").write_text(f"import beside\n{show}")
    (tmp_path / "bad.py").write_text("def fail(): raise ValueError\nfail()\n")
    (tmp_path / "annotated.py").write_text("def f(x: int): pass\nprint(f.__annotations__['x'])")
    (tmp_path / "env.py").write_text("import os; print(os.environ['SYSTEMD_HANDLER'])")

    def run(*arguments: str) -> list[tuple[int, str]]:
        subprocess.run(
            [sys.executable, "-m", "systemd_handler", *arguments],
            cwd=tmp_path,
            stdout=journal.stream,
            stderr=journal.stream,
            env=environment_with(JOURNAL_STREAM=journal.name),
            timeout=60,
            check=False,
        )
        return [(priority, unescape(text)) for priority, text in journal.entries()]

    return run


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-m", "pack", "-m", "x"], ["imported", "__main__ ['-m', 'x'] pack.__main__"]),
        (["-m", "pack.other"], ["imported", "__main__ [] pack.other"]),
        (["dir/script.py", "--flag"], ["__main__ ['--flag'] None"]),
        (["dir", "a b"], ["__main__ ['a b'] __main__"]),
        (["env.py"], ["auto"]),
        (["annotated.py"], ["<class 'int'>"]),
    ],
)
def test_a_program_runs_by_hand_as_python_runs_it(
    by_hand: Entries, arguments: list[str], expected: list[str]
) -> None:
    assert by_hand(*arguments) == [(6, text) for text in expected]


def test_a_crash_by_hand_shows_the_programs_own_frames_alone(
    by_hand: Entries, tmp_path: Path
) -> None:
    [(priority, text)] = by_hand("bad.py")
    assert priority == 2
    assert [line for line in text.split("\n") if "File" in line] == [
        f'  File "{tmp_path}/bad.py", line 2, in <module>',
        f'  File "{tmp_path}/bad.py", line 1, in fail',
    ]


def test_a_program_that_cannot_be_compiled_shows_where(by_hand: Entries, tmp_path: Path) -> None:
    (tmp_path / "half.py").write_text("if True\n")
    [(priority, text)] = by_hand("half.py")
    assert priority == 2
    assert text.count("File") == 1
    assert "SyntaxError" in text


@pytest.mark.parametrize("variables", [{}, {"PYTHONSAFEPATH": "1"}])
@pytest.mark.parametrize(
    "name", ["bad.py", "half.py", "stop.py", "names.py", "path.py", "path", "dir/script.py", "dir"]
)
def test_where_no_journal_listens_by_hand_is_as_python_runs_it(
    by_hand: Entries,
    tmp_path: Path,
    environment_with: EnvironmentWith,
    name: str,
    variables: dict[str, str],
) -> None:
    (tmp_path / "path").mkdir()
    for place in ("path.py", "path/__main__.py"):
        (tmp_path / place).write_text("import sys\nprint(sys.path)\n")
    (tmp_path / "half.py").write_text("if True\n")
    (tmp_path / "names.py").write_text("print([n for n in globals() if n[:2] != '__'])\n")
    (tmp_path / "stop.py").write_text("import sys\nprint(__file__, 'a\\nb')\nsys.exit('end')\n")
    results = [
        subprocess.run(
            [sys.executable, *words, name, "x"],
            cwd=tmp_path,
            env=environment_with(**variables),
            capture_output=True,
            timeout=60,
            check=False,
        )
        for words in ([], ["-m", "systemd_handler"])
    ]
    plain, ours = [(result.returncode, result.stdout, result.stderr) for result in results]
    assert ours == plain


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "usage: python -m systemd_handler"),
        (["-m"], "usage: "),
        (["--what"], "usage: "),
        (["missing.py"], "cannot read missing.py: No such file or directory"),
        (["-m", "missing"], "there is no module missing to run"),
        (["-m", "missing.sub"], "there is no module missing.sub to run"),
    ],
)
def test_what_cannot_be_run_is_named(by_hand: Entries, arguments: list[str], words: str) -> None:
    [(_, text)] = by_hand(*arguments)
    assert words in text


def test_the_startup_file_asks_the_environment(
    journal: Journal, environment_with: EnvironmentWith, tmp_path: Path
) -> None:
    import systemd_handler

    startup = Path(systemd_handler.__file__).with_name("startup.pth")
    (tmp_path / "site.pth").write_text(startup.read_text())
    program = f"import site; site.addsitedir({str(tmp_path)!r})\nprint('a\\nb')"
    for value, expected in (("auto", [r"a\nb"]), ("off", ["a", "b"])):
        subprocess.run(
            [sys.executable, "-c", program],
            stdout=journal.stream,
            env=environment_with(JOURNAL_STREAM=journal.name, SYSTEMD_HANDLER=value),
            timeout=60,
            check=True,
        )
        assert [text for _, text in journal.entries()] == expected


def test_a_child_of_another_stream_is_left_alone(entries: Entries) -> None:
    program = (
        "import os, subprocess\nos.environ['SYSTEMD_HANDLER'] = 'auto'\n"
        "out = subprocess.run([sys.executable, '-c', "
        "'from systemd_handler import _auto; _auto.start(); print(1)'], "
        "stdout=subprocess.PIPE).stdout\nprint(out)"
    )
    assert entries(program) == [(6, "b'1\\n'")]
    assert os.environ.get("SYSTEMD_HANDLER") is None
