"""What the buttons do, and what a person should look for afterwards."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from demo.logs import LEVELS

LOG = logging.getLogger(__name__)

EXIT_STATUS = 3

# The words that journalctl takes for --priority=, by our own names of the levels.
_JOURNAL_WORDS = {"error": "err", "critical": "crit", "emergency": "emerg"}


@dataclass(frozen=True)
class Action:
    """One button."""

    path: str
    label: str
    hint: str
    run: Callable[[], None]
    outcome: str
    """What happened, once it was pressed."""
    journal_arguments: str
    """What to give to journalctl to see it."""
    level: int | None = None
    """The level at which it logs, where that is all that it does."""
    answers_first: bool = False
    """Whether the answer is sent without waiting for the job."""
    ends_process: bool = False


def all_actions(end: Callable[[int], None]) -> list[Action]:
    """Give every action in the order of the page; `end` ends the process with a status."""
    return [*map(_log_action, LEVELS), *_disturbances(end)]


def _log_action(name: str) -> Action:
    level = LEVELS[name]
    word = _JOURNAL_WORDS.get(name, name)
    everywhere = name == "emergency"
    return Action(
        path=f"/log/{name}",
        label=name,
        hint="Reaches all terminals." if everywhere else "",
        run=partial(LOG.log, level, "a message at level %s, asked for by a button", name),
        outcome=f"One message was logged at level {name}. Look for one entry of that priority."
        + (" journald also wrote it to every terminal of the host." if everywhere else ""),
        journal_arguments=f"-p {word}..{word} -n 1",
        level=level,
    )


def _disturbances(end: Callable[[int], None]) -> list[Action]:
    return [
        Action(
            path="/multiline",
            label="Log several lines",
            hint="One message of three lines.",
            run=_log_lines,
            outcome="One message of three lines was logged. Look for one entry, not three.",
            journal_arguments="-p notice..notice -n 1",
        ),
        Action(
            path="/raise",
            label="Raise in a request",
            hint="The request fails, the service lives on.",
            run=_raise,
            outcome="The request raised an exception and failed; the service lives on. "
            "Look for one error entry that holds the whole traceback.",
            journal_arguments="-p err..err -n 1",
        ),
        Action(
            path="/thread",
            label="End a thread",
            hint="A thread dies of an exception that nothing catches.",
            run=_end_thread,
            outcome="A thread ended with an exception that nothing caught. "
            "Look for one entry that holds the whole traceback.",
            journal_arguments="-p err..err -n 1",
        ),
        Action(
            path="/hang",
            label="Hang",
            hint="The work stops; systemd's watchdog ends the process.",
            run=_hang,
            outcome="The work hangs, so the watchdog gets no more pings. Look for the watchdog's "
            "timeout, where each thread was, and the new start.",
            journal_arguments="-n 40",
            answers_first=True,
            ends_process=True,
        ),
        Action(
            path="/exit",
            label="Exit",
            hint=f"The process ends with status {EXIT_STATUS}; systemd brings it back.",
            run=partial(_exit, end),
            outcome=f"The process ends with status {EXIT_STATUS}. "
            "Look for its last lines, systemd's words about the failure, and the new start.",
            journal_arguments="-n 20",
            ends_process=True,
        ),
    ]


def _log_lines() -> None:
    lines = "a message of three lines:\n  the second is indented,\n  the third is the last"
    LOG.log(LEVELS["notice"], lines)


def _raise() -> None:
    raise RuntimeError("a button asked for this exception")


def _end_thread() -> None:
    thread = threading.Thread(target=_raise, name="doomed")
    thread.start()
    thread.join()


def _hang() -> None:
    LOG.warning("the work hangs from here on, asked for by a button")
    while True:
        time.sleep(3600)


def _exit(end: Callable[[int], None]) -> None:
    LOG.error("ending with status %d, asked for by a button", EXIT_STATUS)
    end(EXIT_STATUS)
