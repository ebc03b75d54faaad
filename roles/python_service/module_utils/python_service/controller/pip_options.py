# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What pip is told besides the requirements, and the passwords in all that it is told.

A host shows the command line of a process to everyone on it. So addresses go to
pip by its environment, which it shows to nobody else, and a name with a
password out of an address to where pip and git look for it, a netrc(5).
"""

from __future__ import annotations

import re
import shlex
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from .pip_format import without_credentials

#: Options whose value may hold a password, and the variables that say the same.
_ADDRESSES = {
    "-i": "PIP_INDEX_URL",
    "--index-url": "PIP_INDEX_URL",
    "--pypi-url": "PIP_INDEX_URL",
    "--extra-index-url": "PIP_EXTRA_INDEX_URL",
    "-f": "PIP_FIND_LINKS",
    "--find-links": "PIP_FIND_LINKS",
    "--proxy": "PIP_PROXY",
}
_INDEXES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS")
#: What is installed, and where to, is for the role to say.
_ROLES_OWN = (
    *("-r", "--requirement", "-c", "--constraint", "-e", "--editable", "--group"),
    *("-t", "--target", "--prefix", "--root", "--user", "--src", "--python", "-w", "--wheel-dir"),
    *("--dry-run", "--report", "--log", "--help", "-h", "--version", "-V"),
)
#: What `pip install` knows and `pip wheel` does not, which is what gets the wheels.
_INSTALLS = (
    *("-U", "--upgrade", "--upgrade-strategy", "-I", "--ignore-installed", "--force-reinstall"),
    *("--compile", "--no-compile", "--no-user", "--break-system-packages", "--root-user-action"),
    *("--no-warn-conflicts", "--no-warn-script-location"),
    *("--platform", "--python-version", "--implementation", "--abi"),
)
_LOGIN = re.compile(
    r"(?P<scheme>https?://)(?P<login>[^\s/@:'\"]+):(?P<password>[^\s/@'\"]+)@"
    r"(?P<host>[^\s/:@'\"#?\[\]]+)",
    re.IGNORECASE,
)
_ANY_LOGIN = re.compile(r"(https?://)[^\s/@'\"]+@", re.IGNORECASE)
#: What stands in a netrc as it is, for each program that reads it.
_PLAIN = re.compile(r"[^\s\"'\\#${}]+")


class OptionError(Exception):
    """What is wrong with an option, and what to write instead."""


class PipOptions(NamedTuple):
    """Words for pip's command line, and variables that may hold passwords."""

    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = MappingProxyType({})

    @property
    def names_an_index(self) -> bool:
        return any(name in self.environment for name in _INDEXES)


def pip_options(options: Sequence[str]) -> PipOptions:
    """The options of ``python_service_pip_options``; raises `OptionError`."""
    arguments: list[str] = []
    addresses: dict[str, list[str]] = {}
    for option, values in _grouped(options):
        name, equals, value = option.partition("=")
        if name in _ROLES_OWN:
            raise OptionError(f"has {name}, which is the role's own affair; leave it out")
        if name in _INSTALLS:
            raise OptionError(
                f"has {name}, which only `pip install` knows, and wheels are got by `pip wheel`: a "
                "virtual environment is made from them, new and for the host's Python; leave it out"
            )
        if name in _ADDRESSES:
            found = [value, *values] if equals else values
            if len(found) != 1:
                raise OptionError(f"has {name} with {len(found)} values; write it with one")
            addresses.setdefault(_ADDRESSES[name], []).append(found[0])
            continue
        for word in (option, *values):
            if without_credentials(word) != word:
                raise OptionError(f"has a password in {name}, which would be seen; leave it out")
        arguments += [option, *values]
    last = {
        name: found[-1:] if name in _INDEXES[:1] else found for name, found in addresses.items()
    }
    return PipOptions(
        tuple(arguments), {name: " ".join(found) for name, found in sorted(last.items())}
    )


def _grouped(options: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Options with the values that follow them."""
    words = []
    for text in options:
        try:
            words += shlex.split(text)
        except ValueError as error:
            raise OptionError(f"has a quote that is not closed ({error}); close it") from error
    option, values = "", list[str]()
    for word in words:
        if word.startswith("-"):
            if option:
                yield option, values
            # -iURL, as pip takes it
            short = word[:2] if word[:2] in _ADDRESSES and len(word) > 2 and word[1] != "-" else ""
            option, values = (short, [word[2:]]) if short else (word, [])
        elif not option:
            shown = without_credentials(word)
            raise OptionError(f"begins with {shown!r}, which is no option; write one such as --pre")
        else:
            values.append(word)
    if option:
        yield option, values


def separated(texts: Iterable[str]) -> tuple[list[str], str]:
    """Texts without the passwords that a netrc can hold, and that netrc.

    It has one for each host: where there are two, they stay where they are, as
    do tokens without a password.
    """
    texts = list(texts)
    logins: dict[str, set[tuple[str, str]]] = {}
    for found in (found for text in texts for found in _LOGIN.finditer(text)):
        logins.setdefault(found["host"].lower(), set()).add(_plain(found))
    kept = {
        host: next(iter(pairs))
        for host, pairs in logins.items()
        if len(pairs) == 1 and all(map(_PLAIN.fullmatch, next(iter(pairs))))
    }

    def without(found: re.Match[str]) -> str:
        host = found["host"]
        return f"{found['scheme']}{host}" if host.lower() in kept else found[0]

    lines = [
        f"machine {host} login {login} password {word}\n" for host, (login, word) in kept.items()
    ]
    return [_LOGIN.sub(without, text) for text in texts], "".join(sorted(lines))


def anonymous(text: str) -> str:
    """A text of which a digest tells nothing about passwords."""
    return _ANY_LOGIN.sub(r"\1", text)


def _plain(found: re.Match[str]) -> tuple[str, str]:
    return urllib.parse.unquote(found["login"]), urllib.parse.unquote(found["password"])
