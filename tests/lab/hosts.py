"""Hosts: containers with systemd inside."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab import images
from lab.commands import LIMIT, LabError, Result, check, lock, run
from lab.steps import step

#: By this label our containers are told from all others.
MARK = "python-service"
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


class Host:
    """A running container by its name, past SSH and Ansible."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, *command: str) -> Result:
        """Run a command as root to its end, well or not."""
        return run(["docker", "exec", self.name, *command])

    def check(self, *command: str, text: str = "") -> str:
        """Output of a command that gets ``text``; `LabError` when it fails."""
        return check(["docker", "exec", "--interactive", self.name, *command], text=text)

    def shell(self, script: str, *, text: str = "") -> str:
        """Output of a script that gets ``text``; `LabError` when a part of it fails."""
        return self.check("bash", "-euo", "pipefail", "-c", script, text=text)

    def copy(self, source: Path, target: str) -> None:
        """Put a file or a directory at ``target``, or into it where it is a directory."""
        check(["docker", "cp", "--quiet", str(source), f"{self.name}:{target}"])

    def runs(self) -> bool:
        """Whether its first process is alive."""
        there = inspect(self.name)
        return bool(there) and bool(there["State"]["Running"])


def up(
    name: str, image: str = "debian:12", *, full: bool = False, publish: Sequence[str] = ()
) -> Host:
    """Have a host running that has booted; one that was made in the same way is kept.

    A full host can do what a real one can; a poor one has SYS_ADMIN only, and its systemd has
    to do without some kinds of isolation. ``publish`` are ports as `docker run` takes them.
    Raises `LabError`.
    """
    if not _NAME.fullmatch(name):
        raise LabError(f"a host has a name of letters, digits, dots and dashes, not '{name}'")
    images.ensure(image)
    kind = "full" if full else "poor"
    host = Host(name)
    with lock(f"host-{name}"):
        image_id = check(["docker", "image", "inspect", "--format", "{{.Id}}", images.tag(image)])
        made_from = " ".join([image_id, kind, *publish])
        there = inspect(name)
        if there:
            labels = there["Config"]["Labels"]
            if MARK not in labels:
                raise LabError(
                    f"a container named {name} is there that is none of ours;"
                    " remove it or take another name"
                )
            if host.runs() and labels.get(f"{MARK}.made-from") == made_from:
                # What failed in it since it booted is the business of those who use it.
                with step(f"Find {name} running"):
                    state = host.run("systemctl", "is-system-running").stdout.strip()
                    if state not in ("running", "degraded"):
                        raise LabError(f"{name} runs, but its state is '{state}'")
                return host
            _remove(name)
        with step(f"Start {name} ({image}, {kind})"):
            _start(host, image, kind, made_from, publish)
    return host


def down(*names: str) -> None:
    """Remove hosts; those that are not there are none to remove."""
    for name in names:
        there = inspect(name)
        if not there:
            continue
        if MARK not in there["Config"]["Labels"]:
            raise LabError(f"the container {name} was not made by script/host, so it is left alone")
        with step(f"Remove {name}"):
            _remove(name)


def known() -> list[str]:
    """Names of all our hosts."""
    return _listed("{{.Names}}").split()


def table() -> str:
    """All our hosts, for people to read."""
    return _listed(r"table {{.Names}}\t{{.Image}}\t{{.Status}}\t{{.Ports}}")


def inspect(name: str) -> dict[str, Any]:
    """What the engine knows of a container; empty when there is none."""
    result = run(["docker", "container", "inspect", name])
    return dict(json.loads(result.stdout)[0]) if result.status == 0 else {}


def _listed(form: str) -> str:
    return check(["docker", "ps", "--all", "--filter", f"label={MARK}", "--format", form])


def _remove(name: str) -> None:
    check(["docker", "rm", "--force", "--volumes", name])


def _start(host: Host, image: str, kind: str, made_from: str, publish: Sequence[str]) -> None:
    command = ["docker", "run", "--detach", "--name", host.name, "--hostname", host.name]
    command += [f"--label={MARK}=host", f"--label={MARK}.made-from={made_from}"]
    command += [f"--env=HOST_KIND={kind}", "--cap-add=SYS_ADMIN", "--cgroupns=private"]
    # As a real host has it.
    command += ["--sysctl=net.ipv6.conf.all.disable_ipv6=0"]
    # The engine's own default is noexec, which the /run and /tmp of a real host are not.
    command += ["--tmpfs=/run:exec,mode=755", "--tmpfs=/run/lock", "--tmpfs=/tmp:exec,mode=1777"]
    if kind == "full":
        command += ["--cap-add=SYS_PTRACE", "--cap-add=NET_ADMIN"]
    # systemd filters system calls itself, which the engine's own filters forbid.
    guards = check(["docker", "info", "--format", "{{.SecurityOptions}}"])
    command += [
        f"--security-opt={guard}=unconfined"
        for guard in ("seccomp", "apparmor")
        if f"name={guard}" in guards
    ]
    command += [f"--publish={port}" for port in publish]
    try:
        check([*command, images.tag(image)])
        _await_boot(host)
    except BaseException:
        # The next run shall not take it for a host that is ready.
        _remove(host.name)
        raise


def _await_boot(host: Host) -> None:
    """Wait until it has booted. A unit that failed is an error that says what is known of it."""
    deadline = time.monotonic() + LIMIT
    state = ""
    while time.monotonic() < deadline and host.runs():
        # Once it can be asked at all, the host answers when it has finished booting.
        asked = host.run("timeout", "60", "systemctl", "is-system-running", "--wait")
        state = asked.stdout.strip()
        if state == "running":
            return
        if state in ("degraded", "maintenance"):
            break
        time.sleep(0.1)
    told = [
        host.run("systemctl", "--no-pager", "--failed").stdout,
        host.run("journalctl", "--no-pager", "--boot", "--priority=warning", "--lines=20").stdout,
        run(["docker", "logs", "--tail", "20", host.name]).stdout,
    ]
    raise LabError(
        f"{host.name} did not boot: its state is '{state or 'unknown'}'\n" + "\n".join(told)
    )
