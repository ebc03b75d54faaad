# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The one place where what a module did becomes what Ansible is told."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..errors import ServiceError, reason_of
from ..foreign import message
from ..model import PARTS

#: What a module does with its parameters, and whether it shall only look; gives its result.
Work = Callable[[Mapping[str, Any], bool], "dict[str, Any]"]

#: How nice a module is: setpriority(2). Where all want the processor, it gets a tenth of what one of them gets.
_NICE = 10
#: sched(7), "The autogroup feature".
_AUTOGROUP = Path("/proc/self/autogroup")

#: Options of a module that looks at, or makes, the deploy of a release.
DEPLOY_OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "root": {"type": "path", "required": True},
    "release": {"type": "dict", "required": True},
    "user": {"type": "str", "required": True},
    "group": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
    "enabled": {"type": "bool", "default": True},
    "keep_releases": {"type": "int", "default": 5},
    "parts": {"type": "list", "elements": "str", "choices": list(PARTS), "default": list(PARTS)},
    # All in one text: Ansible blots out what it is given here wherever it stands in an output, and
    # a short secret is in many words.
    "secrets": {"type": "str", "default": "", "no_log": True},
}


def require_root() -> None:
    """Refuse to go on without root's rights."""
    if os.geteuid() != 0:
        raise ServiceError("the role needs root on the host; set become: true")


def run_module(module: AnsibleModule, work: Work) -> None:
    """Run a module to its end, as Ansible expects it of a module.

    It is made by the file of the module itself, by which Mitogen knows that
    it is one.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    try:
        with _giving_way():
            result = work(module.params, module.check_mode)
    except ServiceError as error:
        facts = dict(error.facts)
        _warn(module, facts)
        module.fail_json(msg=message(str(error)), **facts)
    except Exception as error:  # noqa: BLE001 - this is the door to all that may have happened
        module.fail_json(msg=message(reason_of(error)))
    _warn(module, result)
    module.exit_json(**result)


@contextlib.contextmanager
def _giving_way() -> Iterator[None]:
    """What is done meanwhile, by other processes too, leaves the processor to those that serve."""
    before, group = os.getpriority(os.PRIO_PROCESS, 0), _nice_of_group()
    _be_nice(max(before, _NICE), group if group is None else max(group, _NICE))
    try:
        yield
    finally:
        with contextlib.suppress(PermissionError):  # it takes CAP_SYS_NICE
            _be_nice(before, group)


def _nice_of_group() -> int | None:
    """The nice value of this session among all sessions, or None where it is in no group of the kernel's."""
    try:
        words = _AUTOGROUP.read_text().split()  # "/autogroup-25 nice 0", or none at all
    except OSError:
        return None
    return int(words[-1]) if words else None


def _be_nice(value: int, group: int | None) -> None:
    """Set the nice value, and that of the session: a value counts among the processes of one session alone."""
    if group is not None:
        # Not allowed in every container, and without CAP_SYS_ADMIN not ten times a second.
        with contextlib.suppress(OSError):
            _AUTOGROUP.write_text(str(group))
    os.setpriority(os.PRIO_PROCESS, 0, value)


def _warn(module: AnsibleModule, facts: dict[str, Any]) -> None:
    """Take the warnings out of what a module gives, and give them as Ansible wants them."""
    for warning in facts.pop("warnings", []):
        module.warn(message(warning))


def _end(number: int, _frame: object) -> None:
    """Have a deploy that is told to end put back what was there, as where it fails."""
    for other in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(other, signal.SIG_IGN)
    raise ServiceError(f"it was ended by {signal.Signals(number).name}")
