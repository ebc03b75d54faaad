"""Lines of several threads: written without letting go of the GIL, as long as nobody waits."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, NamedTuple, TextIO

import pytest

from systemd_handler import SystemdHandler

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from unit.systemd_handler.conftest import Journal

    LoggerOf = Callable[[logging.Handler], logging.Logger]
    InAnotherThread = Callable[[Callable[[], object]], None]
    RunElsewhere = Callable[[str], subprocess.CompletedProcess[bytes]]


class Pair(NamedTuple):
    """A logger, the stream that it writes to, and the end of it that journald would have."""

    logger: logging.Logger
    stream: TextIO
    journald: socket.socket


@pytest.fixture
def pair(logger_of: LoggerOf) -> Iterator[Pair]:
    journald, ours = socket.socketpair()
    with journald, open(ours.detach(), "w", encoding="utf-8") as stream:
        yield Pair(logger_of(SystemdHandler(stream, journald=True)), stream, journald)


# The same for a process of its own.
PAIR = """
import logging, os, socket, sys, threading, time
import systemd_handler
journald, ours = socket.socketpair()
stream = open(ours.detach(), "w", encoding="utf-8")
log = logging.Logger("app")
log.addHandler(systemd_handler.SystemdHandler(stream, journald=True))
"""


@pytest.fixture
def turns_during_lines(pair: Pair) -> Iterator[Callable[[], int]]:
    """Log a hundred lines; say how many turns another thread had meanwhile.

    That one runs whenever it gets the GIL, from a thread that lets go of it: the time that
    one may keep it is a minute.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(60)
    turns, ended = 0, False

    def take_turns() -> None:
        nonlocal turns
        while not ended:
            turns += 1
            time.sleep(0)

    def turns_during_lines() -> int:
        before = turns
        for _ in range(100):
            pair.logger.info("text")
        after = turns
        assert pair.journald.recv(65536) == b"<6>text\n" * 100
        return after - before

    thread = threading.Thread(target=take_turns)
    thread.start()
    yield turns_during_lines
    ended = True
    thread.join()
    sys.setswitchinterval(before)


@pytest.mark.skipif(
    not getattr(sys, "_is_gil_enabled", lambda: True)(),
    reason="free-threaded Python has no GIL to keep: others always run",
)
def test_no_other_thread_runs_while_one_of_several_writes(
    turns_during_lines: Callable[[], int], in_another_thread: InAnotherThread
) -> None:
    seen = []

    def work() -> None:
        seen.extend([turns_during_lines() for _ in range(50)])  # in some others would run

    in_another_thread(work)
    work()
    assert seen == [0] * 100


def test_others_run_while_the_only_one_writes(turns_during_lines: Callable[[], int]) -> None:
    # At the first try when the machine is idle.
    assert any(turns_during_lines() for _ in range(100))


# One that is smaller than a line, which goes in parts, and one for a few lines.
@pytest.mark.parametrize("room", [20_000, 1 << 17])
@pytest.mark.parametrize("blocking", [True, False])
def test_others_run_while_a_thread_waits_for_room(
    run_elsewhere: RunElsewhere, room: int, blocking: bool
) -> None:
    program = f"""{PAIR}
for each in journald, stream:
    with socket.socket(fileno=os.dup(each.fileno())) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, {room})
os.set_blocking(stream.fileno(), {blocking})
def work():
    for i in range(100): log.error("%d %s", i, "x" * 30_000)
thread = threading.Thread(target=work, daemon=True)
thread.start()
thread.join(0.3)
assert thread.is_alive(), "it had room for everything"
data = b""
while data.count(b"\\n") < 100: data += journald.recv(65536)
assert data == b"".join(b"<3>%d %s\\n" % (i, b"x" * 30_000) for i in range(100))
"""
    run_elsewhere(program)


FORBIDDEN = {
    "not built": "import sys; sys.modules['ctypes'] = None",
    "out of reach": """
import logging, os, socket, sys, threading, time, systemd_handler
systemd_handler.SystemdHandler
sys.meta_path.clear()  # as after chroot
""",
    "forbidden by a hook": """
import sys
def hook(event, _):
    if event.startswith('ctypes.'): raise PermissionError(event)
sys.addaudithook(hook)
""",
}


@pytest.mark.parametrize("before", FORBIDDEN.values(), ids=FORBIDDEN)
def test_threads_log_where_python_has_no_ctypes(run_elsewhere: RunElsewhere, before: str) -> None:
    program = f"""{before}
{PAIR}
threads = [threading.Thread(target=log.info, args=(f"{{i}}",)) for i in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert sorted(journald.recv(4096).split()) == [b"<6>%d" % i for i in range(8)]
"""
    run_elsewhere(program)


def test_threads_log_where_the_stream_is_no_socket(
    journal: Journal, logger_of: LoggerOf, in_another_thread: InAnotherThread
) -> None:
    logger = logger_of(SystemdHandler(journal.stream))
    in_another_thread(lambda: logger.info("one"))
    logger.info("two")
    assert journal.entries() == [(6, "one"), (6, "two")]


def test_a_closed_stream_is_not_written_to(pair: Pair, in_another_thread: InAnotherThread) -> None:
    other, others = socket.socketpair()
    with other, others:
        in_another_thread(lambda: pair.logger.info("text"))
        number = pair.stream.fileno()
        pair.stream.close()
        os.dup2(others.fileno(), number)  # which is another file's by now
        in_another_thread(lambda: pair.logger.info("text"))
        os.close(number)
        others.close()
        assert other.recv(4096) == b""


def test_the_first_record_of_a_second_thread_imports_nothing(run_elsewhere: RunElsewhere) -> None:
    # A child that is forked during an import cannot import that module.
    program = f"""{PAIR}
log.info("one")
before = set(sys.modules)
thread = threading.Thread(target=log.info, args=("two",))
thread.start()
thread.join()
print(set(sys.modules) - before, journald.recv(4096))
"""
    assert run_elsewhere(program).stdout == b"set() b'<6>one\\n<6>two\\n'\n"


def test_elsewhere_ctypes_is_not_imported(run_elsewhere: RunElsewhere) -> None:
    program = (
        "import logging, sys, systemd_handler\nsystemd_handler.install()\n"
        "logging.error('text')\nprint('ctypes' in sys.modules)"
    )
    assert run_elsewhere(program).stdout.endswith(b"False\n")
