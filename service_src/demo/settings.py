"""What the environment says about how to run."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass

from demo.logs import LEVELS

LONGEST_HEARTBEAT = 86_400.0


class SettingsError(ValueError):
    """A variable has a value that cannot be used; the text names it and says what to write."""


@dataclass(frozen=True)
class Settings:
    """How this process runs; times are in seconds."""

    host: str
    port: int
    heartbeat: float
    log_level: int
    release: str
    supervised: bool
    """Whether systemd started this very process."""
    watchdog: float | None
    """systemd ends the process after this long without a ping; None: nobody counts."""


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings of this process.

    Raises SettingsError for the first value that cannot be used.
    """
    return Settings(
        host=_host(environment.get("DEMO_HOST", "127.0.0.1")),
        port=_port(environment.get("DEMO_PORT", "8080")),
        heartbeat=_heartbeat(environment.get("DEMO_HEARTBEAT", "60")),
        log_level=_log_level(environment.get("DEMO_LOG_LEVEL", "INFO")),
        release=environment.get("PYTHON_SERVICE_RELEASE") or "development",
        supervised=_supervised(environment),
        watchdog=_watchdog(environment),
    )


def _host(text: str) -> str:
    # Name resolution raises UnicodeError, not OSError, for labels that IDNA refuses.
    try:
        text.encode("idna")
    except UnicodeError:
        usable = False
    else:
        usable = bool(text) and "\0" not in text
    if not usable:
        raise SettingsError(
            f"DEMO_HOST: {text!r} is not a host; write an address such as 127.0.0.1 or ::"
        )
    return text


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65_535):
        raise SettingsError(
            f"DEMO_PORT: {text!r} is not a port; write a number from 0 (any free one) to 65535"
        )
    return int(text)


def _heartbeat(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= LONGEST_HEARTBEAT:
        raise SettingsError(
            f"DEMO_HEARTBEAT: {text!r} is not a time between heartbeats; "
            f"write seconds above 0 and at most {LONGEST_HEARTBEAT:.0f}"
        )
    return seconds


def _log_level(text: str) -> int:
    try:
        return LEVELS[text.lower()]
    except KeyError:
        names = ", ".join(name.upper() for name in LEVELS)
        raise SettingsError(
            f"DEMO_LOG_LEVEL: {text!r} is not a level; write one of {names}"
        ) from None


def _supervised(environment: Mapping[str, str]) -> bool:
    # $INVOCATION_ID alone proves nothing: a shell in a desktop session inherits one.
    started_this = environment.get("SYSTEMD_EXEC_PID") == str(os.getpid())
    return started_this or "NOTIFY_SOCKET" in environment


def _watchdog(environment: Mapping[str, str]) -> float | None:
    text = environment.get("WATCHDOG_USEC")
    # $WATCHDOG_PID names the process that has to ping: sd_watchdog_enabled(3).
    meant = environment.get("WATCHDOG_PID", str(os.getpid()))
    if text is None or meant != str(os.getpid()):
        return None
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise SettingsError(
            f"WATCHDOG_USEC: {text!r} is not a time; it is set by systemd, in microseconds"
        )
    return int(text) / 1_000_000
