"""Each row of what the package promises, against a real journald."""

from __future__ import annotations

import json
import random
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.deploys import Player
from lab.programs import UNLIMITED, Entry, Journaled
from testinfra.host import Host

from systemd_handler.unescape import unescape

HOSTS = ("debian-12", "debian-13", "debian-testing")

Pairs = Callable[..., list[tuple[int, str]]]


@pytest.fixture(scope="module")
def journaled(host: Host, module_player: Player) -> Journaled:
    """Programs with the package that the role brings, each a unit of its own."""
    subject = Path(__file__).parent / "data" / "subject.py"
    module_player.role(
        name="subject", src=str(subject), command="python subject.py", settle=0
    ).succeeded()
    return Journaled(host)


@pytest.fixture
def pairs(journaled: Journaled) -> Pairs:
    """Run a program to its end; priority and message of its entries."""

    def run(program: str, **properties: str) -> list[tuple[int, str]]:
        return [(entry.priority, entry.message) for entry in journaled(program, **properties)]

    return run


PLAIN = """
import logging, sys, systemd_handler
handler = systemd_handler.SystemdHandler()
log = logging.getLogger("app")
log.addHandler(handler)
log.setLevel(1)
log.propagate = False
"""
STOP = "kill -STOP $(systemctl show -p MainPID --value systemd-journald)"
CONTINUE = STOP.replace("STOP", "CONT")

INSTALLED = """
import logging, sys, systemd_handler
systemd_handler.install(1, fmt="%(message)s")
log = logging.getLogger("app")
"""


def test_every_level_has_the_priority_of_its_range(pairs: Pairs) -> None:
    levels = [-5, 1, 9, 10, 19, 20, 24, 25, 29, 30, 35, 40, 49, 50, 55, 59, 60, 61, 70, 71, 1000]
    program = (
        f"{PLAIN}log.setLevel(-9)\nhandler.setLevel(-9)\nlogging.disable(-9)\n"
        f"for level in {levels}: log.log(level, 'at %d', level)"
    )
    expected = [7, 7, 7, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 2, 1, 2, 0, 2, 2]
    assert pairs(program) == [
        (priority, f"at {level}") for level, priority in zip(levels, expected)
    ]


def test_named_levels_have_theirs(pairs: Pairs) -> None:
    program = (
        f"{PLAIN}logging.addLevelName(33, 'CAREFUL')\n"
        "for name in ('DEBUG', 'NOTICE', 'CAREFUL', 'CRITICAL', 'ALERT', 'EMERGENCY'):\n"
        "    log.log(logging.getLevelName(name), name)\n"
    )
    names = ["DEBUG", "NOTICE", "CAREFUL", "CRITICAL", "ALERT", "EMERGENCY"]
    assert pairs(program) == list(zip([7, 5, 4, 2, 1, 0], names))


def test_any_traceback_is_one_entry(pairs: Pairs, host: Host) -> None:
    group = "ExceptionGroup('many', [ValueError('one'), KeyError('two\\n<0>x')])"
    if host.check_output("python3 -c 'import sys; print(sys.version_info >= (3, 11))'") != "True":
        group = "ValueError('one')"
    program = f"""{PLAIN}
def fail(secret):
    try:
        1 / 0
    except ZeroDivisionError as error:
        raise ValueError("a\\n<0>b\\0c") from error
try:
    fail("x\\n<0>y")
except ValueError:
    log.exception("chained")
try:
    raise {group}
except Exception:
    log.warning("grouped", exc_info=True)
"""
    first, second = pairs(program)
    assert (first[0], second[0]) == (3, 4)
    text = unescape(first[1])
    assert text.startswith("chained\nTraceback (most recent call last):\n")
    assert "The above exception was the direct cause of the following exception:" in text
    assert text.endswith("ValueError: a\n<0>b\0c")
    assert unescape(second[1]).startswith("grouped\n")


NASTY = {
    "newline": "a\nb\r\nc\rd",
    "nul": "a\0<0>forged",
    "controls": "".join(map(chr, range(32))) + "\x7f" + "".join(map(chr, range(0x80, 0xA0))),
    "escape": "\x1b[31mred\x1b]0;title\x07",
    "separators": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "bidirectional": "\u202eabc\u202c\u2066d\u2069\u200e\u200f\u061c",
    "surrogates": "\ud800 \udfff \udc80",
    "noncharacters": "\ufffe\uffff\ufdd0\U0001ffff",
    "backslashes": "C:\\new\\x41 \\\\ \\",
    "prefix": "<0>forged",
    "tabs-and-words": "a\tb\tüñí ☃ 世界 👩‍👩‍👧 e\u0301",
    "blank-end": "text \t  ",
    "blank": "  \t ",
    "empty": "",
    "escapes": r"\n \x00 \& [1/2] a\& \u2028",
    "long-word": "x" * 5000,
}


def test_any_text_is_one_readable_entry_and_comes_back(journaled: Journaled) -> None:
    texts = list(NASTY.values())
    entries = journaled(
        f"{PLAIN}import json\nfor t in json.loads({json.dumps(json.dumps(texts))}): log.info('%s', t)"
    )
    assert [entry.priority for entry in entries] == [6] * len(texts)
    # A blob would be a list of numbers, or null.
    assert all(isinstance(entry.message, str) for entry in entries)
    for name, text, entry in zip(NASTY, texts, entries):
        assert unescape(entry.message) == text, name
        assert all(char.isprintable() or char in "\t\u200d" for char in entry.message), name
    assert entries[list(NASTY).index("tabs-and-words")].message == NASTY["tabs-and-words"]


def test_journalctl_prints_no_blob(journaled: Journaled, host: Host) -> None:
    program = f"{PLAIN}log.info(''.join(map(chr, range(256))) + '\\ud800\\ufffe')"
    unit = journaled.start(program, "--wait")
    host.check_output("journalctl --sync")
    assert "blob data" not in host.check_output(f"journalctl --no-pager --unit {unit}")


def test_the_filter_gives_back_what_was_logged(journaled: Journaled) -> None:
    program = f"{PLAIN}log.info('one\\ntwo\\\\n')\nlog.error('x' * 100_000 + '\\nend')"
    unit = journaled.start(program, "--wait")
    assert journaled.unescaped(unit) == ["one", "two\\n", "x" * 100_000, "end"]
    lines = [json.loads(line) for line in journaled.unescaped(unit, "json")]
    assert [line["MESSAGE"] for line in lines] == ["one\ntwo\\n", "x" * 100_000 + "\nend"]
    assert [line["PRIORITY"] for line in lines] == ["6", "3"]


def test_a_long_record_is_pieces_that_come_together(journaled: Journaled) -> None:
    # Prefixes wherever a cut may fall, and characters and escapes of every length.
    parts = ["<0>", "ü", "世", "👍", "\n", "\\", "\ud800", "\x07", "x"]
    random.seed(4)
    text = "".join(random.choices(parts, k=60_000))
    program = (
        f"{PLAIN}import random\nrandom.seed(4)\n"
        f"log.error('%s', ''.join(random.choices({parts!r}, k=60_000)))\nlog.info('after')"
    )
    entries = journaled(program)
    *pieces, last = entries
    assert (last.priority, last.message) == (6, "after")
    assert [piece.priority for piece in pieces] == [3] * len(pieces)
    assert all(
        piece.message.startswith(f"[{k}/{len(pieces)}] ") for k, piece in enumerate(pieces, 1)
    )
    assert all(len(piece.message.encode()) < 32 * 1024 for piece in pieces)
    assert "".join(unescape(piece.message.split("] ", 1)[1]) for piece in pieces) == text


def test_a_prefix_at_every_place_of_a_cut_is_text(pairs: Pairs) -> None:
    for length in (32_700, 49_100, 98_200):
        program = (
            f"{PLAIN}for at in range({length}, {length} + 60): log.info('x' * at + '<0>forged')"
        )
        found = pairs(program, **UNLIMITED)
        assert {priority for priority, _ in found} == {6}
        assert not [message for _, message in found if message.startswith("forged")]
        assert (
            sum(message.count("<0>forged") for _, message in found) >= 50
        )  # the rest are cut in two


def test_bad_arguments_are_one_entry_and_the_program_lives_on(pairs: Pairs) -> None:
    program = f"""{PLAIN}
class Bad:
    def __str__(self): raise RuntimeError("no\\ntext")
log.info("%d items", "many")
log.info("%s", Bad())
log.info("alive")
"""
    (first, one), (second, two), alive = pairs(program)
    assert (first, second, alive) == (3, 3, (6, "alive"))
    assert one.startswith("Logging error at ")
    assert "'%d items'" in one
    assert "RuntimeError: no" in two


def test_what_nobody_catches_is_one_entry_each(pairs: Pairs) -> None:
    program = f"""{INSTALLED}
logging.getLogger("asyncio").setLevel(logging.INFO)
import asyncio, gc, threading, warnings
warnings.warn("careful")
def fail(): raise ValueError("in a thread\\n<0>x")
thread = threading.Thread(target=fail, name="worker")
thread.start()
thread.join()
class Closing:
    def __del__(self): raise KeyError("while closing")
Closing()
gc.collect()
async def task(): raise OSError("in a task")
async def main():
    one = asyncio.ensure_future(task())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del one
    gc.collect()
asyncio.run(main())
raise RuntimeError("at the end")
"""
    found = pairs(program)
    assert [priority for priority, _ in found] == [4, 3, 3, 3, 2]
    warning, thread, closing, task, end = [unescape(message) for _, message in found]
    assert "UserWarning: careful" in warning
    assert thread.startswith("Uncaught exception in thread worker\nTraceback")
    assert thread.endswith("ValueError: in a thread\n<0>x")
    assert closing.endswith("KeyError: 'while closing'")
    assert task.startswith("Task exception was never retrieved\n")
    assert task.endswith("OSError: in a task")
    assert end.startswith("Uncaught exception\nTraceback")
    assert end.endswith("RuntimeError: at the end")


@pytest.mark.parametrize(
    "end", ["raise KeyboardInterrupt", "raise SystemExit(3)", "sys.exit('text')"]
)
def test_an_end_that_was_asked_for_is_no_failure(pairs: Pairs, end: str) -> None:
    found = pairs(f"{INSTALLED}{end}")
    assert not [message for _, message in found if message.startswith("Uncaught")]
    assert {priority for priority, _ in found} <= {6}


def test_earlier_hooks_are_still_called(pairs: Pairs) -> None:
    program = (
        "import sys\nsys.excepthook = lambda *a: print('earlier', a[0].__name__)\n"
        f"{INSTALLED}raise ValueError"
    )
    (priority, message), earlier = pairs(program)
    assert (priority, earlier) == (2, (6, "earlier ValueError"))
    assert "Traceback" in message


@pytest.mark.parametrize(
    ("death", "words"),
    [
        ("import os; os.abort()", "Aborted"),
        ("import faulthandler; faulthandler._sigsegv()", "Segmentation fault"),
        ("import faulthandler; faulthandler._stack_overflow()", "Segmentation fault"),
    ],
)
def test_a_fatal_signal_leaves_its_dump_at_priority_2(pairs: Pairs, death: str, words: str) -> None:
    found = pairs(f"{INSTALLED}log.info('before')\n{death}", LimitCORE="0")
    # Two streams: journald may read the second one first.
    dump = [message for priority, message in found if priority == 2]
    assert [pair for pair in found if pair[0] != 2] == [(6, "before")]
    assert words in dump[0]
    assert any('File "<string>"' in message for message in dump)


@pytest.mark.parametrize("native", [False, True])
def test_last_words_belong_to_the_unit(journaled: Journaled, host: Host, native: bool) -> None:
    # journald can look only at processes that live which unit they are of, and here it comes too
    # late for that.
    program = INSTALLED.replace("1, fmt", f"1, native={native}, fmt")
    program += """
import faulthandler, os, time
open(f"/run/ready-{os.getpid()}", "w")
while not os.path.exists(f"/run/go-{os.getpid()}"): time.sleep(0.01)
log.error('last')
faulthandler._sigsegv()
"""
    unit = journaled.start(program, LimitCORE="0")
    pid = host.check_output(f"systemctl show --property MainPID --value {unit}")
    host.check_output(f"until [ -e /run/ready-{pid} ]; do sleep 0.1; done; {STOP}")
    try:
        host.check_output(f"touch /run/go-{pid}")
        wait_for(host, unit)
    finally:
        host.check_output(CONTINUE)
    found = journaled.entries_of(unit)
    assert [entry.priority for entry in found if entry.message == "last"] == [3]
    assert [entry.priority for entry in found if "Fatal Python error" in entry.message] == [2]


@pytest.mark.parametrize("how", ["installed", "auto"])
def test_last_words_of_a_program_that_ends_at_once_belong_to_the_unit(
    journaled: Journaled, host: Host, how: str
) -> None:
    program = f"{INSTALLED}log.error('first and last')"
    if how == "auto":
        program = "import logging; logging.error('first and last')"
    host.check_output(STOP)
    try:
        unit = journaled.start(program, Environment=f"SYSTEMD_HANDLER={how}")
        wait_for(host, unit)
    finally:
        host.check_output(CONTINUE)
    [entry] = journaled.entries_of(unit)
    assert entry.priority == 3
    assert entry.message.endswith("first and last")


def test_prints_are_kept_and_have_their_priority_when_asked_for(pairs: Pairs) -> None:
    lines = (
        "print('printed')\nprint('a\\nb', file=sys.stderr)\nlog.info('logged')\nprint('<0>end')\n"
    )
    plain = pairs(INSTALLED + lines, Environment="PYTHONUNBUFFERED=1")
    assert plain == [(6, "printed"), (6, "a"), (6, "b"), (6, "logged"), (0, "end")]
    asked = pairs(INSTALLED.replace("1, fmt", "1, prints=True, fmt") + lines)
    assert asked == [(6, "printed"), (4, r"a\nb"), (6, "logged"), (6, "<0>end")]


def test_a_stream_that_does_not_block_loses_nothing(pairs: Pairs) -> None:
    program = (
        f"{PLAIN}import os\nos.set_blocking(2, False)\nfor i in range(20_000): log.info('%d', i)"
    )
    assert pairs(program, **UNLIMITED) == [(6, str(i)) for i in range(20_000)]


@pytest.mark.parametrize("threads", [1, 8])
def test_a_stream_that_is_blocked_for_a_while_loses_nothing(
    journaled: Journaled, host: Host, threads: int
) -> None:
    program = f"""{PLAIN}
import threading
def work(n):
    for i in range(20_000 // {threads}): log.info("%d %d %s", n, i, "x" * 500)
threads = [threading.Thread(target=work, args=(n,)) for n in range(1, {threads})]
for t in threads: t.start()
work(0)
for t in threads: t.join()
"""
    host.check_output(STOP)
    try:
        unit = journaled.start(program, **UNLIMITED)
        host.check_output(f"sleep 2; systemctl is-active {unit}")  # it waits
    finally:
        host.check_output(CONTINUE)
    wait_for(host, unit)
    found = [entry.message.split() for entry in journaled.entries_of(unit)]
    for n in range(threads):
        own = [int(i) for by, i, _ in found if by == str(n)]
        assert own == list(range(20_000 // threads))


def test_records_of_eight_threads_are_whole_and_all_there(pairs: Pairs) -> None:
    # Lines of all lengths up to the longest that is one line.
    program = f"""{PLAIN}
import threading
def work(n):
    for i in range(500): log.info("%d %d %s", n, i, chr(97 + n) * (i * 60))
threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
for t in threads: t.start()
for t in threads: t.join()
"""
    found = pairs(program, **UNLIMITED)
    assert {priority for priority, _ in found} == {6}
    assert sorted(unescape(message) for _, message in found) == sorted(
        f"{n} {i} {chr(97 + n) * (i * 60)}" for n in range(8) for i in range(500)
    )


def test_a_fork_of_a_process_that_logs_can_log(pairs: Pairs) -> None:
    program = f"""{PLAIN}
import os, threading
stop = threading.Event()
def work():
    while not stop.is_set(): log.debug("parent")
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads: t.start()
for child in range(40):
    pid = os.fork()
    if pid == 0:
        for i in range(12): log.error("child %d %d %s", child, i, "x" * 40_000 if i == 5 else "")
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
stop.set()
for t in threads: t.join()
"""
    found = pairs(program, RuntimeMaxSec="1200", **UNLIMITED)
    errors = [message for priority, message in found if priority == 3]
    assert len(errors) == 40 * 13
    assert {message for priority, message in found if priority == 7} == {"parent"}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing_lose_nothing(
    journaled: Journaled, host: Host, method: str
) -> None:
    source = f"""
import logging, multiprocessing, sys, systemd_handler
def work(n):
    systemd_handler.install(fmt="%(message)s")
    for i in range(100): logging.error("%d %d", n, i)
if __name__ == "__main__":
    systemd_handler.install(fmt="%(message)s")
    context = multiprocessing.get_context({method!r})
    with context.Pool(4) as pool: pool.map(work, range(10), chunksize=1)
    logging.warning("done")
"""
    host.check_output(f"printf %s {shlex.quote(source)} > /run/pool_{method}.py")
    entries = journaled(
        f"import runpy; runpy.run_path('/run/pool_{method}.py', run_name='__main__')"
    )
    texts = sorted((entry.priority, entry.message) for entry in entries)
    expected = [(3, f"{n} {i}") for n in range(10) for i in range(100)] + [(4, "done")]
    assert texts == sorted(expected)


def test_signal_handlers_can_log_at_any_moment(pairs: Pairs) -> None:
    program = f"""{PLAIN}
import signal
count = 0
def tick(*_):
    global count
    count += 1
    log.error("tick %d", count)
signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
for i in range(5_000): log.info("%d %s", i, "x" * (40_000 if i % 500 == 0 else 10))
signal.setitimer(signal.ITIMER_REAL, 0)
log.warning("%d ticks", count)
"""
    found = pairs(program, **UNLIMITED)
    ticks = [message for priority, message in found if priority == 3]
    # A handler may interrupt itself, so that a later one comes first.
    assert sorted(ticks) == sorted(f"tick {n}" for n in range(1, len(ticks) + 1))
    assert found[-1] == (4, f"{len(ticks)} ticks")
    assert len(ticks) > 50
    assert len([1 for priority, _ in found if priority == 6]) == 4_990 + 2 * 10


def test_what_was_logged_before_sigkill_is_there(pairs: Pairs) -> None:
    program = f"""{PLAIN}
import os, signal
for i in range(5_000): log.info("%d", i)
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert pairs(program, **UNLIMITED) == [(6, str(i)) for i in range(5_000)]


def test_debug_invocation_asks_for_debug(pairs: Pairs) -> None:
    program = "import logging, systemd_handler; systemd_handler.install(logging.WARNING); logging.debug('seen')"
    assert pairs(program) == []
    assert pairs(program, Environment="DEBUG_INVOCATION=1") == [(7, "root: seen")]


def ticks(say: str) -> str:
    """A program that says something with the function called *say*, until it is told that it is enough.

    It keeps a file as long in bytes as what it said in ticks.
    """
    return f"""{INSTALLED}
import os, threading, time
def from_a_thread(*message):
    thread = threading.Thread(target=log.info, args=message)
    thread.start()
    thread.join()
count = 0
said = os.open(f"/run/ticks-{{os.getpid()}}", os.O_WRONLY | os.O_CREAT)
while not os.path.exists(f"/run/enough-{{os.getpid()}}"):
    {say}("tick %d", count)
    count += os.write(said, b".")
    time.sleep(0.01)
"""


#: Waits until the program has said five things more.
MORE = """
more() {
    until [ -s $ticks ]; do sleep 0.05; done
    local enough=$(($(stat --format %s $ticks) + 5))
    while [ -d /proc/$pid ] && [ $(stat --format %s $ticks) -lt $enough ]; do sleep 0.05; done
}
"""


def disturb(host: Host, unit: str, steps: str) -> int:
    """Do something to the journal while a unit of `ticks` runs; how often it ticked in the end."""
    output = host.check_output(
        f"""
        set -e
        pid=$(systemctl show --property MainPID --value {unit}) ticks=/run/ticks-$pid
        {MORE}
        more
        {steps}
        more
        touch /run/enough-$pid
        while systemctl is-active --quiet {unit}; do sleep 0.05; done
        stat --format %s $ticks
        """
    )
    return int(output)


def wait_for(host: Host, unit: str) -> None:
    host.check_output(f"while systemctl is-active --quiet {unit}; do sleep 0.1; done")


def take_journald_away_from(host: Host, unit: str) -> int:
    """Stop journald and its sockets while a unit of `ticks` runs; how often it ticked in the end.

    The unit stands still while they go and come: what journald has not read when its sockets
    are closed is lost, and nobody can count it.
    """
    sockets = "systemd-journald.socket systemd-journald-dev-log.socket"
    return disturb(
        host,
        unit,
        f"""
        systemctl kill -s STOP {unit}
        journalctl --sync
        systemctl stop systemd-journald.service {sockets}
        systemctl kill -s CONT {unit}
        more
        systemctl kill -s STOP {unit}
        systemctl start {sockets} systemd-journald.service
        systemctl kill -s CONT {unit}
        """,
    )


def lost_in(entry: Entry) -> int:
    """How many entries this one says were lost."""
    lost = " lost here while journald was away" in entry.message
    return int(entry.message.split()[0]) if lost else 0


def test_a_journald_that_is_restarted_loses_nothing(journaled: Journaled, host: Host) -> None:
    unit = journaled.start(ticks("log.info"))
    restart = "systemctl restart systemd-journald"
    said = disturb(host, unit, f"{restart}; more; {restart}")
    assert [entry.message for entry in journaled.entries_of(unit)] == [
        f"tick {i}" for i in range(said)
    ]


@pytest.mark.parametrize("say", ["log.info", "from_a_thread"])
def test_a_journald_that_is_away_is_survived_and_what_was_lost_counted(
    journaled: Journaled, host: Host, say: str
) -> None:
    unit = journaled.start(f"{ticks(say)}os.abort()", LimitCORE="0")
    said = take_journald_away_from(host, unit)
    entries = journaled.entries_of(unit)
    there = [entry.message for entry in entries if entry.message.startswith("tick")]
    lost = sum(lost_in(entry) for entry in entries)
    assert len(there) + lost == said
    assert {entry.priority for entry in entries if lost_in(entry)} <= {4}
    assert there[-1] == f"tick {said - 1}"
    assert {entry.priority for entry in entries if "Fatal Python error" in entry.message} == {2}


def test_elsewhere_text_is_plain_and_on_a_terminal_coloured(
    journaled: Journaled, host: Host
) -> None:
    program = f"{PLAIN}log.error('a\\nb\\x1b[2J')\nlog.info('c')"
    run = f"{journaled.python} -c {shlex.quote(program)}"
    assert host.check_output(f"{run} 2>&1") == "a\nb\\x1b[2J\nc"
    unit = f"systemd-run --quiet --wait -p StandardError=file:/run/plain {run}"
    host.check_output(f"rm -f /run/plain; {unit}")
    assert host.file("/run/plain").content_string == "a\nb\\x1b[2J\nc\n"
    terminal = host.check_output(f"TERM=xterm script -qec {shlex.quote(run)} /dev/null")
    assert terminal.replace("\r", "") == "\x1b[1;31ma\nb\\x1b[2J\x1b[0m\nc"
    plain = host.check_output(f"NO_COLOR=1 TERM=xterm script -qec {shlex.quote(run)} /dev/null")
    assert plain.replace("\r", "") == "a\nb\\x1b[2J\nc"


def test_two_streams_to_the_journal_are_both_seen(pairs: Pairs) -> None:
    # systemd makes two of them when both are asked for, and names only one.
    program = PLAIN.replace("Handler()", "Handler(sys.stdout)") + "log.error('to stdout')"
    assert pairs(program, StandardOutput="journal", StandardError="journal") == [(3, "to stdout")]


def test_native_entries_have_fields_and_real_newlines(journaled: Journaled, host: Host) -> None:
    program = """
import logging, systemd_handler, threading
systemd_handler.install(native=True, fmt="%(message)s")
log = logging.getLogger("shop.orders")
def pay():
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("not paid", extra={
            "order_id": 7, "note": "a\\nb", "_pid": 1, "größe": 2, "priority": 0,
        })
thread = threading.Thread(target=pay, name="payer")
thread.start()
thread.join()
log.info("large", extra={"body": "x" * 3_000_000})
log.info("")
raise SystemExit
"""
    failed, large, empty = journaled(program)
    fields = failed.fields
    assert failed.priority == 3
    assert failed.message.startswith("not paid\nTraceback (most recent call last):\n")
    assert fields["LOGGER"] == "shop.orders"
    assert (fields["CODE_FUNC"], fields["CODE_FILE"]) == ("pay", "<string>")
    assert fields["CODE_LINE"] == "9"
    assert fields["THREAD_NAME"] == "payer"
    assert fields["EXCEPTION"] == "builtins.ZeroDivisionError"
    assert (fields["ORDER_ID"], fields["NOTE"], fields["EXTRA_PID"]) == ("7", "a\nb", "1")
    assert (fields["EXTRA_PRIORITY"], fields["GR_SSE"]) == ("0", "2")
    assert len(large.fields["BODY"]) == 3_000_000
    assert (empty.priority, empty.message) == (6, "")


def test_native_entries_survive_a_journald_that_is_away(journaled: Journaled, host: Host) -> None:
    unit = journaled.start(ticks("log.info").replace("1, fmt", "1, native=True, fmt"))
    said = take_journald_away_from(host, unit)
    entries = journaled.entries_of(unit)
    there = [entry.message for entry in entries if entry.message.startswith("tick")]
    lost = sum(lost_in(entry) for entry in entries)
    assert len(there) + lost == said
    assert lost > 0
    assert there[-1] == f"tick {said - 1}"
