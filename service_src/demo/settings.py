"""Settings from environment variables, checked before anything else happens."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass

from systemd_handler import ALERT, EMERGENCY, NOTICE

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "notice": NOTICE,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "alert": ALERT,
    "emergency": EMERGENCY,
}
"""The levels that the journal tells apart, least urgent first."""


class SettingsError(ValueError):
    """A variable has a value that cannot be used; the text names it and says what to write."""


@dataclass(frozen=True)
class Settings:
    """How this process runs."""

    host: str
    port: int
    log_level: int
    release: str


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings; raises SettingsError for the first value that cannot be used."""
    host = environment.get("DEMO_HOST", "127.0.0.1")
    port = environment.get("DEMO_PORT", "8080")
    level = environment.get("DEMO_LOG_LEVEL", "INFO")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise SettingsError(
            f"DEMO_HOST: {host!r} is not an IP address; write 127.0.0.1, 0.0.0.0, :: or another"
        ) from None
    if not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65_535:
        raise SettingsError(
            f"DEMO_PORT: {port!r} is not a port; write a number from 0 (any free one) to 65535"
        )
    if level.lower() not in LEVELS:
        names = ", ".join(LEVELS).upper()
        raise SettingsError(f"DEMO_LOG_LEVEL: {level!r} is not a level; write one of {names}")
    release = environment.get("PYTHON_SERVICE_RELEASE", "development")
    return Settings(host, int(port), LEVELS[level.lower()], release)
