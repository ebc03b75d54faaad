# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Commands that people run in the current release, as the service's main process is run.

A script of root's has systemd make a unit for each. A drop-in of all these units has
the settings of the main process's unit, so systemd itself reads them from there, and
nothing is left out or translated. They say nothing of the command and its terminal,
which the script does.
"""

from __future__ import annotations

from ..layout import UNIT_MARK, Layout
from ..model import RELEASE_FIELD
from .sandbox import settings

_HEAD = f"{UNIT_MARK}; the next deploy writes it again.\n# Service: {{name}}\n"
_DROP_IN = """\
# What commands of {script} are run with: what {unit} says of its process
{settings}
# The command hears of the end from systemd itself, and not from the shell that waits for it.
KillMode=control-group
# The process's own directory stays when a command ends.
RuntimeDirectoryPreserve=yes
"""
_SCRIPT = '''\
"""Runs a command in the current release of a service: as its user, in its sandbox, with all that it has."""

import os
import signal
import subprocess
import sys

SERVICE = "{name}"
#: What the unit runs. Without the service's drop-in it would be root's, and in no sandbox. The shell
#: stays for the exit status, which systemd does not tell of a command that a signal ended.
SHELL = """
if [ -z "${{{release}-}}" ]; then
    echo "$0 has no release on this host; deploy it" >&2
    exit 126
fi
trap : SIGNALS
/usr/bin/env -- "$@"
"""


def main(script, command):
    if not command:
        refuse(2, f"usage: {{script}} COMMAND [ARGUMENT]...")
    if os.geteuid() != 0:
        refuse(126, f"only root can run commands of {{SERVICE}}: sudo {{script}} COMMAND")
    unit = f"{{SERVICE}}.run-{{os.getpid()}}.service"
    # Newer ones of systemd change the colour and the title of a terminal.
    os.environ.update(SYSTEMD_TINT_BACKGROUND="0", SYSTEMD_ADJUST_TERMINAL_TITLE="0")
    if all(map(os.isatty, (0, 1, 2))):
        # When the terminal goes, the shell does, and with it the rest.
        run = systemd_run(unit, "--pty", "INT QUIT TERM", command)
        os.execvp(run[0], run)
    sys.exit(piped(unit, systemd_run(unit, "--pipe", "HUP INT QUIT TERM", command)))


def refuse(status, words):
    print(words, file=sys.stderr)
    sys.exit(status)


def systemd_run(unit, way, signals, command):
    words = ["/bin/sh", "-c", SHELL.replace("SIGNALS", signals), SERVICE, *command]
    return [
        *("systemd-run", "--quiet", "--collect", "--wait", way, "--service-type=exec"),
        *(f"--unit={{unit}}", f"--description=A command of {{SERVICE}}", "--"),
        # systemd puts variables in the place of their names: systemd.service(5).
        *(word.replace("$", "$$") for word in words),
    ]


def piped(unit, run):
    """Run it to its end, and pass on signals; its exit status."""
    # Where this process is killed, the guard reads the end of a pipe, and ends the command.
    guard = subprocess.Popen(
        ["/bin/sh", "-c", 'read -r _ || systemctl stop "$0"', unit],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # Apart, since a terminal sends its signals to all that run in it.
    runner = subprocess.Popen(run, start_new_session=True)

    def pass_on(number, _frame):
        kill = ["systemctl", "kill", f"--signal={{number}}", unit]
        if subprocess.run(kill, stderr=subprocess.DEVNULL).returncode != 0:
            runner.terminate()  # it has not begun

    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, pass_on)
    status = runner.wait()
    if status < 0:
        return 128 - status
    guard.communicate(b"\\n")
    return status


main(sys.argv[0], sys.argv[1:])
'''


def drop_in(layout: Layout, unit: str, text: str) -> str:
    """What holds for all commands: the settings of a process whose unit has this text."""
    head = _HEAD.format(name=layout.name)
    lines = "\n".join(settings(text, f"JoinsNamespaceOf={unit}"))
    return head + _DROP_IN.format(script=layout.run, unit=unit, settings=lines)


def script(layout: Layout, python: str) -> str:
    """The script itself, for an interpreter that the host has."""
    head = _HEAD.format(name=layout.name)
    return f"#!{python} -I\n{head}" + _SCRIPT.format(name=layout.name, release=RELEASE_FIELD)
