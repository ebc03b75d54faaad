# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Check ``python_service_files``, and tell what a directory of them is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from ..foreign import SHORTEST_SECRET
from ..source import DIRECTORY, FILE, Entry, Source
from .problems import is_binary, kind_of, problem
from .secrets import texts_of

#: Variable of a process: the directory of its configuration files, by systemd's own name for such.
CONFIGURATION_DIRECTORY = "CONFIGURATION_DIRECTORY"
_PART = r"(?!\.{1,2}(/|$))[A-Za-z0-9_.][A-Za-z0-9._+@-]*"
_PATH = re.compile(rf"{_PART}(/{_PART})*")
_LONGEST_PATH = 255
#: Bytes of one file: what is larger is data.
MOST_BYTES = 1 << 20


def file_problems(arguments: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the files."""
    files = arguments["files"]
    for path, value in files.items():
        for why in (_path_reason(path, files), _text_reason(value)):
            if why:
                yield problem("files", f"{path!r} {why}")
        for name, secret in texts_of(arguments["secrets"]).items():
            if len(secret.strip()) >= SHORTEST_SECRET and secret.strip() in str(value):
                yield problem(
                    "files",
                    f"{path!r} holds the value of the secret {name}; have the program read "
                    f"$CREDENTIALS_DIRECTORY/{name}",
                )


def _path_reason(path: Any, files: Mapping[Any, Any]) -> str:
    """Why a path will not do; empty where it does."""
    if not isinstance(path, str) or path.startswith("/") or ".." in path.split("/"):
        return "is no path within the directory; write a relative one, such as conf/app.toml"
    if not _PATH.fullmatch(path) or len(path) > _LONGEST_PATH:
        return (
            "cannot be the path of a file; write such as conf/app.toml, of letters, digits and "
            f". _ + @ -, at most {_LONGEST_PATH}"
        )
    below = next((other for other in files if str(other).startswith(f"{path}/")), None)
    return f"is a file, and the directory of {below!r} too; rename one" if below else ""


def _text_reason(value: Any) -> str:
    """Why a value is no text of a file; empty where it is one."""
    if is_binary(value):
        return "is no text; ship it with python_service_src"
    if isinstance(value, (dict, list)):
        return f"is {kind_of(value)}; write it with | to_json or | to_yaml"
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return f"is {kind_of(value)}; write the text of the file, in quotes"
    if len(str(value).encode()) > MOST_BYTES:
        return f"has more than {MOST_BYTES} bytes; ship it with python_service_src"
    return ""


def elsewhere_problems(arguments: Mapping[str, Any]) -> Iterator[str]:
    """What would have a process look for the files elsewhere."""
    if not arguments["files"]:
        return
    if CONFIGURATION_DIRECTORY in arguments["environment"]:
        said = f"{CONFIGURATION_DIRECTORY} leads to python_service_files; leave one of the two out"
        yield problem("environment", said)
    options = arguments["unit_options"].get("Service")
    if isinstance(options, dict) and "ConfigurationDirectory" in options:
        said = (
            f"Service.ConfigurationDirectory is another ${CONFIGURATION_DIRECTORY} than that of "
            "python_service_files; leave one of the two out"
        )
        yield problem("unit_options", said)


def source_of(files: Mapping[str, str]) -> Source:
    """What `source.scan` finds where these files are, which are texts by their paths."""
    above = {parent for path in files for parent in PurePosixPath(path).parents}
    entries = [
        *(Entry(str(path), DIRECTORY, False, "") for path in above - {PurePosixPath()}),
        *(
            Entry(path, FILE, False, hashlib.sha256(text.encode()).hexdigest())
            for path, text in files.items()
        ),
    ]
    return Source("", tuple(sorted(entries, key=lambda entry: entry.path.encode())))
