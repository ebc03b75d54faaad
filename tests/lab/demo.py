"""What script/demo does once .venv and an engine are there."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from lab import CACHE, PROJECT, hosts, journal, journal_view, playbooks
from lab.commands import LabError
from lab.steps import bold, faint, heading, step

NAME = "python-service-demo"
FIRST_PORT = 8080
INVENTORY = CACHE / "demo" / "inventory.yml"
BUTTONS = [
    *(f"/log/{level}" for level in ("debug", "info", "notice", "warning", "error")),
    # The last goes to every terminal of the host, which is a container that has none.
    *(f"/log/{level}" for level in ("critical", "alert", "emergency")),
    *("/multiline", "/warn", "/raise", "/thread"),
]
# The page is on this machine, where no proxy leads.
_OPENER = build_opener(ProxyHandler({}))


def up(image: str, started: float) -> None:
    """Start the host, deploy the demo to it, use it and show its journal.

    ``started`` is when the user asked for it, in seconds since the epoch.
    """
    port = _published() or _free_port()
    address = f"http://127.0.0.1:{port}"
    host = hosts.up(NAME, image, full=True, publish=[f"127.0.0.1:{port}:8080"])
    with step("Write the inventory"):
        _write_inventory()

    heading("Deploy")
    new = journal.since(host)
    deploying = time.monotonic()
    _deploy()
    print(f"  Deployed in {time.monotonic() - deploying:.1f} s")

    heading("Use it")
    with step("Press the buttons of the page"):
        for button in BUTTONS:
            _press(address, button)

    heading("The journal of demo since then, each line's number being its priority")
    journal_view.show(journal.read(host, "--unit=demo", *new))
    sudo = "sudo " if "SUDO_USER" in os.environ else ""
    print(f"""
{bold("Ready")} in {time.time() - started:.1f} s. The page: {bold(f"{address}/")}

Try next:
  {sudo}docker exec {NAME} journalctl -u demo -p err          {faint("# errors alone")}
  {sudo}docker exec {NAME} systemctl kill -s KILL demo        {faint("# it is back after a second")}
  {sudo}.venv/bin/ansible-playbook -i .cache/demo/inventory.yml playbooks/deploy.yml   {faint("# changed=0")}

Remove it all with script/demo --down""")


def down() -> None:
    """Remove the host and the inventory."""
    hosts.down(NAME)
    with step("Remove the inventory"):
        shutil.rmtree(INVENTORY.parent, ignore_errors=True)


def _published() -> int | None:
    """Where the page is published already."""
    there = hosts.inspect(NAME)
    bindings = there["HostConfig"]["PortBindings"].get("8080/tcp") if there else None
    return int(bindings[0]["HostPort"]) if bindings else None


def _free_port() -> int:
    for port in range(FIRST_PORT, FIRST_PORT + 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise LabError(f"no port from {FIRST_PORT} to {FIRST_PORT + 99} is free for the page")


def _write_inventory() -> None:
    """One host with the variables of the demo, as anybody would write them."""
    INVENTORY.parent.mkdir(parents=True, exist_ok=True)
    INVENTORY.write_text(f"""\
---
python_service:
  hosts:
    {NAME}:
      ansible_connection: community.docker.docker
      ansible_user: root
      python_service_name: demo
      python_service_description: Demo of python_service
      python_service_src: {PROJECT}/service_src
      python_service_command: python -m demo
      python_service_type: notify
      python_service_listen: ["0.0.0.0:8080"]
      python_service_environment:
        DEMO_LOG_LEVEL: DEBUG
      python_service_unit_options:
        Service:
          WatchdogSec: 10
""")


def _deploy() -> None:
    """Run the playbook before the user's eyes."""
    deploy = playbooks.command("ansible-playbook", INVENTORY, "playbooks/deploy.yml")
    status = subprocess.run(
        deploy, cwd=PROJECT, env=playbooks.environment(), check=False
    ).returncode
    if status != 0:
        raise LabError(f"the deploy failed with status {status}")


def _press(address: str, button: str) -> None:
    """Press a button as a browser would; it may make its request fail, which is an answer too."""
    request = Request(address + button, data=b"", method="POST")
    try:
        with _OPENER.open(request, timeout=60):
            return
    except HTTPError as error:
        if error.code == 404:
            raise LabError(f"the demo has no button {button}") from None
    except URLError as error:
        raise LabError(f"nothing answered {address}{button}: {error.reason}") from None


def main() -> None:
    """Do what the command line says; the manual is at the top of script/demo."""
    parser = argparse.ArgumentParser(prog="script/demo", allow_abbrev=False)
    parser.add_argument("--started", type=float, default=time.time(), help=argparse.SUPPRESS)
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--host-image", default="debian:12")
    either.add_argument("--down", action="store_true")
    arguments = parser.parse_args()
    if arguments.down:
        down()
    else:
        up(arguments.host_image, arguments.started)


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"script/demo: {error}")
