# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Check ``python_service_health``."""

from __future__ import annotations

import posixpath
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

from .commands import shell_problem, words_of
from .problems import kind_of, line_problems, problem
from .settings import items_of

#: Keys of the health check, and those of them that go with a url.
_KEYS = ("url", "command", "status", "headers", "socket", "timeout")
_OF_URLS = ("status", "headers", "socket")
#: The name of a header: RFC 9110, "token".
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
#: Headers that say who asks, and so are secrets.
_SECRETS = ("authorization", "cookie", "proxy-authorization", "x-api-key")
#: The kernel's limit for the address of a Unix socket: unix(7).
_LONGEST_SOCKET = 107
#: Of printable ASCII: whatever else a path holds is written as %XX.
_URL = re.compile(r"https?://[!-~]+")
_SOCKET = re.compile(r"(/[A-Za-z0-9_@][A-Za-z0-9._@+-]*)+")
#: Seconds of a day; what waits longer is a mistake, and some clocks could not count it.
MOST_SECONDS = 24 * 60 * 60


def health_problems(health: Mapping[Any, Any]) -> Iterator[str]:
    """What is wrong with a health check."""
    yield from _key_problems(health)
    yield from _status(health.get("status", 200))
    yield from _headers(health.get("headers", {}))
    if "socket" in health:
        yield from _socket(health["socket"], health.get("url"))
    timeout = health.get("timeout", 1)
    if not is_duration(timeout):
        yield problem(
            "health",
            f"timeout {timeout!r} is not a number above 0; write seconds, at most {MOST_SECONDS}",
        )


def is_duration(value: Any) -> bool:
    """Whether this is a number of seconds for which something can be waited."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and 0 < value <= MOST_SECONDS


def _key_problems(health: Mapping[Any, Any]) -> Iterator[str]:
    for key in health:
        if key not in _KEYS:
            yield problem("health", f"{key!r} is not known; write one of {', '.join(_KEYS)}")
    if health and ("url" in health) == ("command" in health):
        yield problem("health", "needs either url or command; write {url: http://127.0.0.1:8000/}")
    for key in ("url", "command"):
        if key in health and not isinstance(health[key], str):
            yield problem("health", f"{key} is {kind_of(health[key])}; write a string")
        elif key in health:
            yield from (_url if key == "url" else _command)(health[key])
    for key in _OF_URLS if "command" in health else ():
        if key in health:
            said = f"{key} goes with url; a command is healthy when it ends with 0"
            yield problem("health", said)


def _url(url: str) -> Iterator[str]:
    try:
        parts = urllib.parse.urlsplit(url)
        # urllib would take the name for the host's, and the password stand in each output.
        secret = "@" in parts.netloc
        usable = bool(_URL.fullmatch(url) and parts.hostname) and parts.port != 0
    except ValueError:  # of the port or of an address in brackets
        secret, usable = False, False
    if secret:
        words = (
            "url holds a name or password, which anyone could read; write one without, or a command"
        )
        yield problem("health", words)
    elif not usable:
        yield problem("health", f"url {url!r} cannot be used; write http://HOST:PORT/PATH")


def _status(status: Any) -> Iterator[str]:
    if status == []:
        yield problem("health", "status is an empty list; write which numbers are healthy")
    for one in items_of(status):
        if isinstance(one, bool) or not isinstance(one, int) or not 100 <= one <= 599:
            said = (
                f"status {one!r} is none of HTTP; write a number from 100 to 599, or a list of them"
            )
            yield problem("health", said)


def _headers(headers: Any) -> Iterator[str]:
    if not isinstance(headers, dict):
        yield problem("health", f"headers is {kind_of(headers)}; write {{Host: shop.example}}")
        return
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER.fullmatch(name):
            yield problem("health", f"headers: {name!r} is not the name of a header")
        elif name.lower() in _SECRETS:
            said = (
                f"headers: {name} holds a secret, which anyone could read; write a command instead"
            )
            yield problem("health", said)
        elif isinstance(value, bool) or not isinstance(value, (str, int, float)):
            said = f"headers: {name} is {kind_of(value)}; write a string or a number"
            yield problem("health", said)
        elif not re.fullmatch(r"[ -~]*", str(value)):
            yield problem("health", f"headers: {name} can hold printable ASCII alone")


def _socket(path: Any, url: Any) -> Iterator[str]:
    usable = isinstance(path, str) and _SOCKET.fullmatch(path)
    if not usable or posixpath.normpath(path) != path or len(path) > _LONGEST_SOCKET:
        said = f"socket {path!r} cannot be used; write the absolute path of a Unix socket"
        yield problem("health", said)
    elif isinstance(url, str) and not url.startswith("http://"):
        yield problem("health", "with a socket, url begins with http://, such as http://localhost/")


def _command(command: str) -> Iterator[str]:
    yield from line_problems("health", command, "command ")
    try:
        words = words_of(command)
    except ValueError as error:
        yield problem("health", f"command: {error}; close the quotes")
    else:
        if not words:
            yield problem("health", "command is empty; write what to run")
        needs_a_shell = shell_problem(command, expands=False)
        if needs_a_shell:
            yield problem("health", f"command: no shell reads it: {needs_a_shell}")
