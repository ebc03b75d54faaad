"""Which priority of syslog(3) a level of `logging` has.

`logging` lacks three of syslog's eight priorities, so this module adds a level
for each of them. Those that `logging` has are here as well, for whoever needs them
before the program imports it. Source for the priorities: sd-daemon(3).
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from types import ModuleType

DEBUG, INFO, WARNING, ERROR, CRITICAL = 10, 20, 30, 40, 50

NOTICE = 25
"""Normal but worth a look: priority 5."""

ALERT = 60
"""Someone must act at once: priority 1."""

EMERGENCY = 70
"""The system is unusable: priority 0, which journald shows on every terminal."""

_STEPS = (INFO, NOTICE, WARNING, ERROR, CRITICAL)
_URGENT = {ALERT: 1, EMERGENCY: 0}


def name_levels(logging: ModuleType) -> None:
    """Give the three levels their names, unless the program has named those numbers itself."""
    for number, name in (
        (NOTICE, "NOTICE"),
        (ALERT, "ALERT"),
        (EMERGENCY, "EMERGENCY"),
    ):
        if logging.getLevelName(number) == f"Level {number}":
            logging.addLevelName(number, name)


class _Priorities(dict[int, int]):
    """The priority, 0 (emergency) to 7 (debug), of any level number.

    A level belongs to the highest standard one that it reaches. The two priorities
    above critical disturb people, so only `ALERT` and `EMERGENCY` themselves give
    them: a library's level of 1000 is critical and no emergency.
    """

    def __missing__(self, level: int) -> int:
        try:
            return 7 - sum(level >= step for step in _STEPS)
        except TypeError:
            return 6  # what somebody made by hand, with a level that is no number


PRIORITIES = _Priorities(
    {DEBUG: 7, **{level: 7 - at for at, level in enumerate(_STEPS, 1)}, **_URGENT}
)
"""Priority of each level; a mapping because every record looks there."""


class _Prefixes(dict[int, str]):
    def __missing__(self, level: int) -> str:
        return f"<{PRIORITIES[level]}>"


PREFIXES = _Prefixes({level: f"<{priority}>" for level, priority in PRIORITIES.items()})
"""What a line of each level begins with, for journald: its priority as sd-daemon(3) has it."""
