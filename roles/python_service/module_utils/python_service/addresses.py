# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Addresses that systemd listens on for a process: systemd.socket(5), ``ListenStream=``."""

from __future__ import annotations

import ipaddress
import posixpath
import re
import urllib.parse
from typing import NamedTuple

#: The kernel's limit for the address of a Unix socket: unix(7).
LONGEST_PATH = 107
_PATH = re.compile(r"(/[A-Za-z0-9_@][A-Za-z0-9._@+-]*)+")
_STREAM = re.compile(r"^ListenStream=(.+)$", re.MULTILINE)
_WITH_HOST = re.compile(r"(?:\[([^\]]*)\]|([^:\[\]]+)):(\d{1,5})")


class Address(NamedTuple):
    """A port of a host, or the ``path`` of a Unix socket. Without a host it is all of them, in IPv4 and IPv6."""

    host: str = ""
    port: int = 0
    path: str = ""

    def meets(self, other: Address) -> bool:
        """Whether two sockets cannot have these addresses at once."""
        if self.path or other.path:
            return self.path == other.path
        if self.port != other.port:
            return False
        return self.host == other.host or self._covers(other) or other._covers(self)

    def _covers(self, other: Address) -> bool:
        return self.host in ("", "::") or (self.host == "0.0.0.0" and ":" not in other.host)  # noqa: S104


#: What stands for this host in a URL.
_LOCAL = ("127.0.0.1", "::1", "localhost")


def address_of(url: str) -> Address:
    """The address that an ``http`` or ``https`` URL is asked at."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    return Address(
        "" if host in _LOCAL else host, parts.port or (443 if parts.scheme == "https" else 80)
    )


def parse_address(text: str) -> Address:
    """The address that a text stands for: a port, ``127.0.0.1:80``, ``[::1]:80``, or an absolute path.

    Raises `ValueError` with what is wrong with it.
    """
    if text.startswith("/"):
        if not _PATH.fullmatch(text) or posixpath.normpath(text) != text:
            raise ValueError("is no plain path; write such as /run/demo.sock")
        if len(text) > LONGEST_PATH:
            raise ValueError(
                f"is longer than the {LONGEST_PATH} characters of a Unix socket's path"
            )
        return Address(path=text)
    host, port = "", text
    if not text.isascii() or not text.isdigit():
        found = _WITH_HOST.fullmatch(text)
        if not found:
            raise ValueError(
                "is no address; write a port, 127.0.0.1:8000, [::1]:8000, or the path of a Unix socket"
            )
        host, port = found[1] if found[2] is None else found[2], found[3]
        try:
            known = ipaddress.IPv6Address(host) if found[2] is None else ipaddress.IPv4Address(host)
        except ValueError:
            raise ValueError(
                f"has the host {host!r}, and systemd takes addresses alone; write such as 127.0.0.1:8000"
            ) from None
        host = str(known)
    if not 0 < int(port) < 1 << 16:
        raise ValueError("has no port from 1 to 65535")
    return Address(host, int(port))


def addresses_of(unit: str) -> list[Address]:
    """The addresses that the text of a unit has systemd listen on."""
    return [parse_address(text) for text in _STREAM.findall(unit)]
