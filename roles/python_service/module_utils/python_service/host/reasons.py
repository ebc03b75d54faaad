# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Why a release failed, in one sentence with what to do, where it is for one of the usual reasons.

What Python, pip and systemd say then is known; the words of the journal stand below the sentence.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from ..foreign import shortened
from ..layout import HOMES, Layout
from ..model import DELIVERY, Release

#: Bytes of what is quoted in a sentence.
_MOST_QUOTED = 300
_TRACEBACK = "Traceback (most recent call last)"
#: What a program may write, for those who wrote elsewhere.
_WRITABLE = "$STATE_DIRECTORY ({state}), $CACHE_DIRECTORY, $LOGS_DIRECTORY or /tmp"


#: What a program needs to listen on a port below 1024.
_LOW_PORTS = (
    "AmbientCapabilities: CAP_NET_BIND_SERVICE, CapabilityBoundingSet: CAP_NET_BIND_SERVICE "
    "and PrivateUsers: false in python_service_unit_options"
)
#: Characters before an error in which the call stands that it is of.
_NEAR = 600
_MEMORY = ("jit", "MemoryDenyWriteExecute", "memory that is writable and executable")
#: Calls that the sandbox denies, by what they are called in Python, with what opens them.
_CALLS = (
    (r"\b[lf]?chown\b", "chown", "SystemCallFilter", "to give files away"),
    (
        r"\b(?:nice|setpriority|sched_set\w+|cpu_affinity|ionice)\b",
        "affinity",
        "SystemCallFilter",
        "to set its priority or its processors",
    ),
    (r"\bptrace\b", "debug", "SystemCallFilter", "to trace processes"),
    (r"\bmmap\b", *_MEMORY),
)


class Subject(NamedTuple):
    """What failed: paths of its source, its state and its interpreter, and the lines of its unit."""

    app: str
    state: str
    python: str
    unit: str = ""

    def settings(self, directive: str) -> list[str]:
        """The values of a directive in the unit."""
        return re.findall(rf"^{directive}=(.*)$", self.unit, re.MULTILINE)

    def denies(self, directive: str) -> bool:
        """Whether the unit asks for a directive that denies something; its last value counts."""
        last = (self.settings(directive) or ["no"])[-1]
        return last not in ("", "0", "no", "false", "off")


def subject_of(layout: Layout, release: Release, unit: str = "") -> Subject:
    """A release, or one of its units."""
    return Subject(
        layout.app(release.id), layout.data[0], release.venv.python, release.units.get(unit, "")
    )


def explain(
    subject: Subject, status: Mapping[str, str], told: Iterable[Sequence[str]]
) -> list[str]:
    """The sentence on why a unit of this status failed, if there is one.

    ``told`` are the journal's entries, those that tell most first.
    """
    sentence = _from_words(subject, told) or _from_status(status)
    return [sentence] if sentence else []


def explain_words(subject: Subject, text: str) -> list[str]:
    """The sentence on what a program said that failed, if there is one."""
    sentence = _from_words(subject, [[text]])
    return [sentence] if sentence else []


def _from_words(subject: Subject, told: Iterable[Sequence[str]]) -> str | None:
    for entries in told:
        for entry in reversed(entries):
            sentence = _last_known(subject, entry)
            if sentence:
                return sentence
            if _TRACEBACK in entry:
                return None  # it is for this that the program ended, and not for what came before
    return None


def _last_known(subject: Subject, entry: str) -> str | None:
    """The sentence on what stands last in an entry of that which is known."""
    found = [
        (match.end(), match, text)
        for pattern, sentence in _KNOWN
        for match in pattern.finditer(entry)
        for text in [sentence(subject, match) if callable(sentence) else sentence]
        if text
    ]
    if not found:
        return None
    _, match, text = max(found, key=lambda one: one[0])
    quoted = {
        name: shortened(value or "", _MOST_QUOTED) for name, value in match.groupdict().items()
    }
    return text.format(**{**subject._asdict(), **quoted})


def _from_status(status: Mapping[str, str]) -> str | None:
    if status["Type"] == "notify" and status["Result"] == "timeout":
        limit = status["TimeoutStartUSec"]
        return (
            f"it did not say READY=1{f' within {limit}' if limit else ''}; a program that does not "
            "speak to systemd needs python_service_type: exec, and python_service_health tells "
            "when it is ready"
        )
    killed = (status["Result"], status["ExecMainStatus"]) == ("signal", str(int(signal.SIGKILL)))
    if killed or status["Result"] == "oom-kill":
        return (
            "it was killed from outside, as the kernel does where memory is short, for the host or by "
            "MemoryMax=; journalctl --dmesg --grep=oom has it then"
        )
    return None


def _before(match: re.Match[str]) -> str:
    """What stands shortly before an error, where the call is that it is of."""
    return match.string[max(match.start() - _NEAR, 0) : match.start()]


def _literal(path: str) -> str:
    """A path as a part of a sentence whose fields are filled in later."""
    return shortened(path, _MOST_QUOTED).replace("{", "{{").replace("}", "}}")


def _denied(subject: Subject, match: re.Match[str]) -> str:
    """Where a path is that cannot be written or read."""
    # A relative one begins in the working directory, which is the source.
    path = os.path.normpath(os.path.join(subject.app, match["path"]))
    name = _literal(path)
    if path.startswith(f"{subject.app}/"):
        return (
            f"{name} is denied to it: a release is never changed, so its program cannot write "
            f"beside itself; let it write to {_WRITABLE}"
        )
    if match["error"].startswith("Read-only"):
        return (
            f"{name} cannot be written: the service may write to {_WRITABLE}, and elsewhere where "
            "python_service_writable names the path"
        )
    if path.startswith(tuple(f"{home}/" for home in HOMES)) and subject.denies("ProtectHome"):
        return f"{name} is hidden from it (ProtectHome=); write python_service_allow: [home]"
    return (
        f"{name} is denied to it: its account has no right to it, or a setting of the unit hides it"
    )


def _missing(subject: Subject, match: re.Match[str]) -> str | None:
    """Where a path would have to be that is not there."""
    if match["path"].startswith(("/proc/", "/dev/")):
        return None  # which the sandbox may hide
    before = _before(match)
    path = os.path.normpath(os.path.join(subject.app, match["path"]))
    name = _literal(path)
    if "_execute_child" in before:
        return "{path} is not there to be executed; install it on the host before the deploy"
    if match[0].startswith("can't open file"):
        return f"{name} is not there; name a file of python_service_src by its path in it"
    if path.startswith(f"{subject.app}/"):
        # What builds a package fails elsewhere, and has none of the source's files in its traceback.
        here = subject.app in match.string
        return f"{name} is not in the source, or was not shipped" if here else None
    return f"{name} is not on the host; make it before the deploy, or let the program make it"


def _unbound(_subject: Subject, match: re.Match[str]) -> str | None:
    """What may be denied to a program that was to listen, where Python does not name it."""
    before = _before(match)
    if not re.search(r"\bbind\(", before):
        return None
    return (
        "what it is to listen on is denied to it: a port below 1024, which needs "
        f"{_LOW_PORTS}, or a socket elsewhere than in $RUNTIME_DIRECTORY"
    )


def _opened_by(
    word: str, directive: str, what: str
) -> Callable[[Subject, re.Match[str]], str | None]:
    """What is said of a denial by ``directive`` that ``word`` of python_service_allow opens."""

    def sentence(subject: Subject, _match: re.Match[str]) -> str | None:
        if not subject.denies(directive):
            return None
        return f"{what} is denied to it ({directive}=); write python_service_allow: [{word}]"

    return sentence


def _unreachable(subject: Subject, _match: re.Match[str]) -> str | None:
    """Where what python_service_network leaves it is not enough."""
    for directive in ("PrivateNetwork", "IPAddressDeny"):
        if subject.denies(directive):
            return (
                f"the network is denied to it ({directive}=); write python_service_network: full, "
                "or localhost if it is for this host alone"
            )
    if subject.denies("RestrictAddressFamilies"):
        return (
            "a kind of sockets is denied to it (RestrictAddressFamilies=); for the lists of "
            "addresses and interfaces write python_service_allow: [netlink]"
        )
    return None


def _unpermitted(subject: Subject, match: re.Match[str]) -> str | None:
    """What a call needs that was not permitted, as far as its name tells."""
    before = _before(match)
    if re.search(r"\b(?:connect|send(?:to|msg)?)\b", before) and subject.denies("IPAddressDeny"):
        return _unreachable(subject, match)
    for pattern, word, directive, what in _CALLS:
        if re.search(pattern, before):
            return _opened_by(word, directive, what)(subject, match)
    if not subject.denies("SystemCallFilter"):
        return None
    return (
        "a system call is denied to it, most likely by SystemCallFilter=, which "
        "python_service_allow opens; docs/hardening.md says how to find out which"
    )


def _unmapped(subject: Subject, match: re.Match[str]) -> str | None:
    """Where memory was asked for that kernels since 6.3 deny with another error (PR_SET_MDWE).

    The error has other causes for a file that is mapped.
    """
    before = _before(match)
    if not re.search(r"\bmmap\(-1\b|\bPROT_EXEC\b", before):
        return None
    return _opened_by(*_MEMORY)(subject, match)


def _zeromq(subject: Subject, _match: re.Match[str]) -> str | None:
    closed = [
        name for name in ("SystemCallFilter", "RestrictAddressFamilies") if subject.denies(name)
    ]
    if not closed:
        return None
    return (
        f"ZeroMQ is denied what it does at its start ({'=, '.join(closed)}=); write "
        "python_service_allow: [affinity, netlink]"
    )


def _unset(subject: Subject, match: re.Match[str]) -> str:
    secrets = [line.partition(":")[0] for line in subject.settings(DELIVERY)]
    if match["name"] in secrets:
        return (
            "the secret {name} is no variable of the environment; write "
            "python_service_secret_environment: [{name}], or have the program read the file "
            "$CREDENTIALS_DIRECTORY/{name}"
        )
    return (
        "the environment variable {name} is not set; write it into python_service_environment, or a "
        "secret into python_service_secrets and python_service_secret_environment"
    )


def _database(_subject: Subject, _match: re.Match[str]) -> str:
    return (
        "a SQLite database cannot be opened or written ({words}); one beside the program cannot be, "
        f"since a release is never changed: let it be in {_WRITABLE.split(',', maxsplit=1)[0]}"
    )


def _taken(_subject: Subject, match: re.Match[str]) -> str:
    address = "port {port}" if match["port"] else "the address that it listens on"
    return f"{address} is taken; stop what listens there, or choose another"


def _syntax(_subject: Subject, match: re.Match[str]) -> str:
    place = "{file}, line {line}, is" if match["file"] else "a file of it is"
    return (
        f"{place} not Python as {{python}} reads it ({{words}}); correct it, or name the Python "
        "that it is written for in python_service_python"
    )


def _environment_file(subject: Subject, _match: re.Match[str]) -> str:
    named = [path for path in subject.settings("EnvironmentFile") if path.startswith("/")]
    missing = [shortened(path) for path in named if not os.path.exists(path)]
    names = " and ".join(missing or ["a file"]).replace("{", "{{").replace("}", "}}")
    return (
        f"EnvironmentFile={names} cannot be read ({{words}}); put it on the host before the "
        "deploy, or write a - before its path if it may be missing"
    )


def _unexecutable(_subject: Subject, match: re.Match[str]) -> str:
    ways = {
        "Permission denied": "make it executable, and let the service's account reach it",
        "No such file or directory": "it, or the interpreter that its first line names, is not there",
        "Exec format error": "its first line has to name an interpreter, such as #!/usr/bin/env python3",
    }
    hint = ways.get(match["words"])
    return f"{{program}} cannot be executed: {{words}}{f'; {hint}' if hint else ''}"


#: What is said, as patterns, and the sentences that explain it, with the groups of the pattern. In
#: an entry that the role's handler wrote, a newline stands as a backslash and an n.
_TABLE: Sequence[tuple[str, str | Callable[[Subject, re.Match[str]], str | None]]] = (
    # What the sandbox denies
    (
        r"\[Errno 1\] Operation not permitted",
        _unpermitted,
    ),
    (r"\[Errno 13\] Permission denied(?!: )", _unmapped),
    (r"\[Errno 13\] Permission denied(?!: )", _unbound),
    (
        r"\[Errno 97\] Address family not supported|\[Errno 101\] Network is unreachable",
        _unreachable,
    ),
    (
        (
            r"Unable to allocate section memory|[Cc]annot allocate write\+execute memory"
            r"|cannot enable executable stack|failed to map segment from shared object"
        ),
        _opened_by(*_MEMORY),
    ),
    (
        # libzmq ends the process at once.
        r"(?:Operation not permitted|Address family not supported[^\n(]*) \(\S*src/\w+\.cpp:\d+\)",
        _zeromq,
    ),
    (
        (
            r"No such file or directory: '/proc/"
            r"(?:cpuinfo|diskstats|loadavg|meminfo|mounts|net|partitions|stat|sys|uptime|vmstat)\b"
        ),
        _opened_by("procinfo", "ProcSubset", "what the host tells of itself in /proc"),
    ),
    (
        r"No such file or directory: '/dev/",
        _opened_by("devices", "PrivateDevices", "the host's devices in /dev"),
    ),
    # Python
    (
        # Of os.environ, whose module is a part of the interpreter in newer ones.
        (
            r'File "(?:<frozen os>|[^"\n]*/os\.py)", line \d+, in __getitem__'
            r"(?:(?!File \")[\s\S])*?KeyError: '(?P<name>\w+)'"
        ),
        _unset,
    ),
    (
        (
            r"No module named '?(?P<module>tomllib|annotationlib|compression)\b"
            r"|cannot import name '(?P<name>\w+)' from '(?:asyncio|datetime|enum|itertools|typing)'"
        ),
        (
            "the program needs a newer Python than {python}, which has no {module}{name}; "
            "name one in python_service_python"
        ),
    ),
    (
        r"No interpreter compatible with the requested constraints was found",
        (
            "the pex is made for another Python than {python}; make it for that one, or name in "
            "python_service_python the one that it is made for"
        ),
    ),
    (
        # A package's own compiled part: the package itself was found.
        r"No module named '(?P<module>\w+(?:\.\w+)*\._\w+)'",
        (
            "the module {module} is not found, a compiled part of its package, which may be made for "
            "another Python than {python}; name that one in python_service_python, or make it for this"
        ),
    ),
    (
        (
            r"(?:ModuleNotFoundError: |python[\d.]*: )No module named '?"
            r"(?P<module>(?!(?:tomllib|annotationlib|compression)\b)[\w.-]+)"
        ),
        (
            "the module {module} is not found; add the package that brings it to "
            "python_service_requirements, or correct its name"
        ),
    ),
    (
        r"\[Errno \d+\] (?P<error>Permission denied|Read-only file system): '(?P<path>[^'\n]+)'",
        _denied,
    ),
    (
        (
            r"(?:FileNotFoundError: \[Errno 2\] No such file or directory: |can't open file )"
            r"'(?P<path>[^'\n]+)'(?!: \[Errno (?!2\]))"
        ),
        _missing,
    ),
    (
        r"(?P<words>unable to open database file|attempt to write a readonly database)",
        _database,
    ),
    (
        r"(?:\('[^'\n]*', (?P<port>\d+)[^)\n]*\)[^\n]{0,40}?)?\b[Aa]ddress already in use",
        _taken,
    ),
    (
        r"\('[^'\n]*', (?P<port>\d{1,3})\): (?:\[Errno 13\] )?[Pp]ermission denied",
        (
            "port {port} is for programs with more rights; choose one above 1023, or write "
            f"{_LOW_PORTS}"
        ),
    ),
    (r"Connection in use: (?:\('[^'\n]*', (?P<port>\d+))?", _taken),
    (
        (
            r'(?:File "(?P<file>[^"\n]+)", line (?P<line>\d+)(?:(?!File ")[\s\S])*?)?'
            r"(?:SyntaxError|IndentationError): (?P<words>[^\n\\]+)"
        ),
        _syntax,
    ),
    (
        r"Invalid HTTP_HOST header: '(?P<host>[^'\n]+)'",
        (
            "the program answers to other names than {host} (ALLOWED_HOSTS); write its own into "
            "python_service_health as headers: {{Host: shop.example}}"
        ),
    ),
    # pip
    (
        r"requires a different Python: (?P<version>[\d.]+\S*) not in '(?P<wanted>[^'\n]+)'",
        (
            "what is to be installed needs Python {wanted}, and {python} is {version}; "
            "name another in python_service_python"
        ),
    ),
    (
        r"versions that require a different python version: (?P<wanted>[^\n;]+)",
        (
            "what is to be installed needs another Python than {python} ({wanted}); "
            "name one in python_service_python, or require an older version"
        ),
    ),
    # systemd
    (
        r"Failed to load environment files: (?P<words>[^\n]+)",
        _environment_file,
    ),
    (
        r"Failed at step EXEC spawning (?P<program>\S+): (?P<words>[^\n]+)",
        _unexecutable,
    ),
    (r"/usr/bin/env: \W(?P<program>[^\n]+?)\W: (?P<words>[^\n]+)", _unexecutable),
    (
        (
            r"set up mount namespacing: (?:/run/systemd/(?:unit-root|mount-rootfs))?(?P<path>/\S+): "
            r"No such file"
        ),
        (
            "{path} is not on the host, and a setting of the unit such as ReadWritePaths= names it; "
            "make it before the deploy, or write a - before it"
        ),
    ),
    (
        r"status=21[67]/(?P<kind>GROUP|USER)\b",
        (
            "an account or a group that the unit names, such as in SupplementaryGroups=, is not "
            "on the host; make it before the deploy"
        ),
    ),
    (
        r"notification message from PID \d+, but reception only permitted for main PID",
        (
            "READY=1 came from a child of the main process; write NotifyAccess: all into "
            "python_service_unit_options"
        ),
    ),
    (
        r"unset environment variable evaluates to an empty string: (?P<name>\w+)",
        (
            "python_service_command names ${name}, which is not set; write it into "
            "python_service_environment"
        ),
    ),
)
_KNOWN = [(re.compile(pattern), sentence) for pattern, sentence in _TABLE]
