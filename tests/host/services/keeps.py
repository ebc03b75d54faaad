"""Tells digests of what it finds of its secrets and variables, and stays.

``check`` succeeds where a command finds the same, ``fails`` ends once all is told.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import time
from typing import Any

import systemd_handler

TOLD = os.path.join(os.environ["STATE_DIRECTORY"], "told.json")


def digest(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()


def found() -> dict[str, Any]:
    directory = os.environ["CREDENTIALS_DIRECTORY"]
    return {
        "variables": {name: digest(os.environ.get(name)) for name in ("KEY", "plain")},
        "credentials": {
            name: digest(systemd_handler.credential(name)) for name in sorted(os.listdir(directory))
        },
    }


def in_a_worker(method: str) -> dict[str, Any]:
    with multiprocessing.get_context(method).Pool(1) as pool:
        return pool.apply(found)


def has_key(environ: bytes) -> bool:
    return b"\nKEY=" in b"\n" + environ.replace(b"\0", b"\n")


def main() -> None:
    if sys.argv[1:] == ["check"]:
        with open(TOLD, encoding="utf-8") as file:
            sys.exit(0 if json.load(file)["found"] == found() else 1)
    with open("/proc/self/environ", "rb") as kernels:
        exposed = has_key(kernels.read())
    told = {
        "found": found(),
        "forked": in_a_worker("fork") == found(),
        "spawned": in_a_worker("spawn") == found(),
        "exposed": exposed,
        "inherited": has_key(subprocess.check_output(["/usr/bin/env"])),
        "writable": os.access(os.environ["CREDENTIALS_DIRECTORY"], os.W_OK),
    }
    with open(TOLD, "w", encoding="utf-8") as file:
        json.dump(told, file)
    if sys.argv[1:] == ["fails"]:
        sys.exit(1)
    systemd_handler.notify(READY=1)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
