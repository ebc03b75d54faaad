"""What script/host does once an engine answers."""

from __future__ import annotations

import argparse
import sys

from lab import hosts, images
from lab.commands import LabError


def main() -> None:
    """Do what the command line says; the manual is at the top of script/host."""
    parser = argparse.ArgumentParser(prog="script/host", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", allow_abbrev=False)
    up.add_argument("name")
    up.add_argument("--image", default="debian:12")
    up.add_argument("--full", action="store_true")
    up.add_argument("--publish", action="append", default=[])
    down = commands.add_parser("down", allow_abbrev=False)
    down.add_argument("names", nargs="*")
    down.add_argument("--all", action="store_true")
    commands.add_parser("image").add_argument("images", nargs="*")
    commands.add_parser("list")
    arguments = parser.parse_args()

    if arguments.command == "up":
        hosts.up(arguments.name, arguments.image, full=arguments.full, publish=arguments.publish)
    elif arguments.command == "down":
        hosts.down(*hosts.known() if arguments.all else arguments.names)
    elif arguments.command == "image":
        for image in arguments.images or images.SUITES:
            images.ensure(image)
    else:
        print(hosts.table())


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"script/host: {error}")
