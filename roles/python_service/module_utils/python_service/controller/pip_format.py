# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Lines of pip's requirements files: what they say, and what no host could install of it.

The format is described in pip's manual, "Requirements File Format". What pip
takes and a host can install is not refused; what pip takes and would pass over
without a word, such as a second file on one line, is.
"""

from __future__ import annotations

import optparse
import os
import posixpath
import re
import shlex
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, NoReturn

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from .manual import PREFIX

_COMMENT = re.compile(r"(^|\s+)#.*$")
#: Pip puts in what the host has; a variable that is not set there stays as it is written.
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_SYSTEMS = ("git", "hg", "svn", "bzr")
_PROTOCOLS = ("http", "https", "ssh", "git", "svn", "sftp", "ftp", "lp", "static-http", "file")
_SCHEMES = {"http", "https", "ftp", "file"} | {f"{a}+{b}" for a in _SYSTEMS for b in _PROTOCOLS}
_PRIVATE = re.compile(rf"\b({'|'.join(_SYSTEMS)})\+(ssh|sftp|file)://", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.(whl|zip|tar|tgz|tbz|txz|tlz|tar\.(gz|bz2|xz|lz|lzma))/*$", re.IGNORECASE)
_EXTRAS = re.compile(r"(?<=.)\s*\[[^\]]+\]$")
_EGG = re.compile(r"[#&]egg=([^&]*)")
_PROJECT = re.compile(r"[A-Z0-9]([A-Z0-9._-]*[A-Z0-9])?", re.IGNORECASE)
_HASHES = ("sha256", "sha384", "sha512")
_PATH = (
    "names a path, which the host does not have; "
    f"ship it as a wheel in {PREFIX}wheelhouse, and the project itself as {PREFIX}src"
)
_ADDRESS = (
    "has an address that pip does not know; write one that begins with https:// or git+ssh://"
)
#: What is often written, and what was meant by it.
_REPAIRS = (
    (r"^(['\"])(.*)\1$", r"\2"),
    (r"=>", ">="),
    (r"=<", "<="),
    (r"(?<![<>=!~])=(?!=)", "=="),
    (r"^([\w.-]+(?:\[[^\]]*\])?)\s+v?(\d[\w.]*)$", r"\1==\2"),
    (r"(\d[\w.*]*)\s+(?=[<>=!~])", r"\1,"),
    (r"([<>]=?\s*\d[\d.]*?)\.\*", r"\1"),
    (r"\s*[<>=!~]+\s*$", ""),
)


class LineError(Exception):
    """A line that no host could install: what is wrong with it; and what to write instead."""


class Line(NamedTuple):
    """What a line says.

    ``requirement`` is one, or None; ``editable`` whether it came with ``-e``.
    ``file`` is the file that is included, as it is written, as one of
    constraints if it is ``constraining``.
    """

    requirement: str | None
    editable: bool
    file: str | None
    constraining: bool
    locations: Sequence[str]


def logical_lines(lines: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Lines joined where they end with a backslash, without comments, unless nothing is left.

    Before each are the indices of its first line and of the one after its last.
    """
    first, joined = 0, ""
    for index, line in enumerate(lines):
        comment = line.lstrip().startswith("#")
        goes_on = line.endswith("\\") and not comment
        # A comment ends what it continues, and is one only after a space.
        joined += line.strip("\\") if goes_on else f" {line}" if comment else line
        if goes_on and index + 1 < len(lines):
            continue
        text = _COMMENT.sub("", joined).strip()
        if text:
            yield first, index + 1, text
        first, joined = index + 1, ""


def parse(text: str) -> Line:
    """What a logical line says; raises `LineError` where pip could not tell either."""
    begin = re.search(r"(^| )-", text)
    requirement = text[: begin.start()] if begin else text
    try:
        words = shlex.split(text[begin.start() :] if begin else "")
    except ValueError as error:
        raise LineError("has a quote that is not closed; close it") from error
    options, rest = _OPTIONS.parse_args(words)
    files = [*(options.requirements or ()), *(options.constraints or ())]
    wanted = [*filter(None, [requirement]), *(options.editables or ())]
    passed_over = [*[*wanted, *files][1:], *rest]
    if passed_over:
        raise LineError(
            f"holds {' and '.join(map(repr, passed_over))} besides, which pip passes over; "
            "write each on a line of its own"
        )
    return Line(
        requirement=wanted[0] if wanted else None,
        editable=bool(options.editables),
        file=files[0] if files else None,
        constraining=bool(options.constraints),
        # Beside a requirement or a file, pip passes over them.
        locations=() if wanted or files else options.locations or (),
    )


def check(line: Line, *, constraining: bool) -> None:
    """Raise `LineError` for a line that no host could install.

    ``constraining`` says that it stands in a file of constraints.
    """
    for location in line.locations:
        if _scheme(location) in ("", "file"):
            raise LineError(_PATH)
    if line.requirement is None:
        return
    if line.editable:
        _check_editable(line.requirement, constraining)
    elif _scheme(line.requirement) in _SCHEMES:
        address, _, marker = line.requirement.partition("; ")
        _check_marker(marker)
        if not _check_address(address.strip()) and constraining:
            raise LineError("is a constraint without a name; write 'name @ URL'")
    else:
        body, _, marker = line.requirement.partition(";")
        _check_marker(marker)
        requirement = _requirement(body.strip())
        if requirement.extras and constraining:
            raise LineError("is a constraint with extras, which pip refuses; leave [...] out")


def named(text: str | None) -> Requirement | None:
    """A requirement by its name, or None for one by an address alone."""
    try:
        return Requirement(text) if text else None
    except InvalidRequirement:
        egg = _EGG.search(text or "")
        return Requirement(egg[1]) if egg and _PROJECT.fullmatch(egg[1]) else None


def path_of(text: str) -> tuple[str, tuple[str, ...], str]:
    """Path, extras and marker of a requirement that names a path, which is empty for others."""
    body, _, marker = (part.strip() for part in text.partition(";"))
    extras = _EXTRAS.search(body)
    names = re.findall(r"[\w.-]+", extras[0]) if extras else []
    path = _EXTRAS.sub("", body)
    name, at, address = (part.strip() for part in path.partition("@"))
    if at and re.match(r"[./]|file:", address):
        path = address
        names = re.findall(r"[\w.-]+", name)[1:]
    if path.lower().startswith("file:"):
        path = urllib.parse.unquote(urllib.parse.urlsplit(path).path)
    elif not path.startswith((".", "/")):
        path = ""
    return path, tuple(names), marker


def is_private(text: str) -> bool:
    """Whether a requirement lies where only this user, on this machine, may fetch it."""
    return bool(_PRIVATE.search(text))


def with_variables(text: str) -> str:
    """A text with the values that its variables have here."""
    return _VARIABLE.sub(lambda match: os.environ.get(match[1]) or match[0], text)


def has_variables(text: str) -> bool:
    """Whether it is the host that knows what a line says."""
    return bool(_VARIABLE.search(text))


def without_credentials(text: str) -> str:
    """A text that may be shown, whatever addresses are in it."""
    return re.sub(r"://[^/@\s]*@", "://…@", text)


def _requirement(text: str) -> Requirement:
    """A requirement by its name; raises `LineError`."""
    if re.match(r"[\w.+-]+://", text):
        raise LineError(_ADDRESS)
    name, at, _ = text.partition("@")
    # Pip takes what is named like an archive for a file, also where it could be a name.
    if _ARCHIVE.search(_EXTRAS.sub("", text)) and (not at or "/" in name or name.startswith(".")):
        raise LineError(_PATH)
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        if text.startswith((".", "~")) or ("/" in text and "://" not in text):
            raise LineError(_PATH) from error
        raise LineError(f"is no requirement{_advice(text, error)}") from error
    if requirement.url is not None:
        scheme = _scheme(requirement.url)
        if not scheme:
            raise LineError(_PATH)
        if scheme not in _SCHEMES:
            raise LineError(_ADDRESS)
        _check_address(requirement.url)
    return requirement


def _advice(text: str, error: InvalidRequirement) -> str:
    repaired = text
    for pattern, replacement in _REPAIRS:
        repaired = re.sub(pattern, replacement, repaired)
        try:
            Requirement(repaired)
        except InvalidRequirement:
            continue
        return f"; write {repaired!r}"
    reason = str(error).partition("\n")[0]
    return f" ({reason}); write a name and the versions that will do, such as 'flask>=3.1,<4'"


def _check_marker(text: str) -> None:
    try:
        if text.strip():
            Marker(text.strip())
    except InvalidMarker as error:
        reason = str(error).partition("\n")[0]
        raise LineError(
            f"has a marker that says nothing ({reason}); "
            "write one such as ; python_version < '3.12'"
        ) from error


def _check_address(address: str) -> str | None:
    """The name that an address gives, or None; raises `LineError`."""
    if _scheme(address) == "file":
        raise LineError(_PATH)
    egg = _EGG.search(address)
    if egg and not _PROJECT.fullmatch(egg[1]):
        raise LineError(
            f"has egg={egg[1]}, which is no name; write 'name[extras] @ URL' with no egg in it"
        )
    path = urllib.parse.unquote(urllib.parse.urlsplit(address).path)
    file = posixpath.basename(path.rstrip("/"))
    if file.lower().endswith(".whl"):
        try:
            return parse_wheel_filename(file)[0]
        except InvalidWheelFilename as error:
            raise LineError(
                f"ends with {file}, which is no name of a wheel; "
                "write the name that it was built with, name-version-py3-none-any.whl"
            ) from error
    return egg[1] if egg else None


def _check_editable(text: str, constraining: bool) -> None:
    if constraining:
        raise LineError("is a constraint with -e, which pip refuses; leave -e out")
    name, address = None, text
    try:
        requirement = Requirement(text)
        if requirement.url:
            name, address = requirement.name, requirement.url
    except InvalidRequirement:
        pass
    scheme = _scheme(address)
    if scheme in ("", "file"):
        raise LineError(_PATH)
    if scheme not in _SYSTEMS and not (scheme in _SCHEMES and "+" in scheme):
        raise LineError("has -e with an address of no version control; leave -e out")
    if not _check_address(address) and not name:
        raise LineError("does not say what it is; write -e 'name @ URL'")


def _scheme(address: str) -> str:
    try:
        return urllib.parse.urlsplit(address).scheme
    except ValueError as error:
        raise LineError(f"has an address that is none ({error}); correct it") from error


class _Parser(optparse.OptionParser):
    """Pip parses options with optparse as well, so that what may be shortened is the same."""

    def error(self, msg: str) -> NoReturn:
        raise LineError(
            f"has options that pip cannot read ({msg}); write one of the options that pip's manual has "
            "under 'Requirements File Format'"
        )


def _check_hash(_option: object, name: str, value: str, _parser: object) -> None:
    algorithm, colon, _ = value.partition(":")
    if not colon or algorithm not in _HASHES:
        raise LineError(f"has {name} {value}; write it as {name}=sha256:…")


def _check_setting(_option: object, name: str, value: str, _parser: object) -> None:
    if "=" not in value:
        raise LineError(f"has {name} {value}; write it as {name} KEY=VALUE")


def _check_projects(_option: object, name: str, value: str, _parser: object) -> None:
    if value.startswith("-"):
        raise LineError(f"has {name} without a value; write names of projects, or :all:")


def _options() -> _Parser:
    """Options of a file and of a requirement that any pip knows that may go along."""
    parser = _Parser(add_help_option=False)

    def call(*names: str, does: Callable[..., None]) -> None:
        parser.add_option(*names, action="callback", callback=does, type="string")

    parser.add_option("-r", "--requirement", dest="requirements", action="append")
    parser.add_option("-c", "--constraint", dest="constraints", action="append")
    parser.add_option("-e", "--editable", dest="editables", action="append")
    parser.add_option("-i", "--index-url", "--pypi-url", dest="locations", action="append")
    parser.add_option("--extra-index-url", dest="locations", action="append")
    parser.add_option("-f", "--find-links", dest="locations", action="append")
    for name in ("--no-binary", "--only-binary", "--all-releases", "--only-final"):
        call(name, does=_check_projects)
    for name in ("--trusted-host", "--use-feature", "--global-option"):
        parser.add_option(name)
    for name in (
        "--no-index",
        "--prefer-binary",
        "--pre",
        "--require-hashes",
        "--no-require-hashes",
    ):
        parser.add_option(name, action="store_true")
    call("--hash", does=_check_hash)
    call("-C", "--config-settings", does=_check_setting)
    return parser


_OPTIONS = _options()
