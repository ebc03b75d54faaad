"""The environment decides how the service runs; what cannot be used is refused by name."""

from __future__ import annotations

import os

import pytest

from demo.settings import SettingsError, from_environment
from demo_process import DemoProcess


def test_defaults() -> None:
    settings = from_environment({})
    assert (settings.host, settings.port, settings.heartbeat) == ("127.0.0.1", 8080, 60)
    assert settings.release == "development"
    assert not settings.supervised
    assert settings.watchdog is None


def test_values_are_taken() -> None:
    settings = from_environment(
        {
            "DEMO_HOST": "::1",
            "DEMO_PORT": "0",
            "DEMO_HEARTBEAT": "0.5",
            "DEMO_LOG_LEVEL": "notice",
            "PYTHON_SERVICE_RELEASE": "3f2a",
        }
    )
    assert (settings.host, settings.port, settings.heartbeat) == ("::1", 0, 0.5)
    assert settings.log_level == 25
    assert settings.release == "3f2a"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEMO_HOST", ""),
        ("DEMO_HOST", "a..b"),
        ("DEMO_HOST", "a\0b"),
        ("DEMO_PORT", ""),
        ("DEMO_PORT", "-1"),
        ("DEMO_PORT", "65536"),
        ("DEMO_PORT", "٣"),
        ("DEMO_PORT", "9" * 5000),
        ("DEMO_HEARTBEAT", "soon"),
        ("DEMO_HEARTBEAT", "0"),
        ("DEMO_HEARTBEAT", "nan"),
        ("DEMO_HEARTBEAT", "inf"),
        ("DEMO_LOG_LEVEL", "loud"),
        ("WATCHDOG_USEC", "often"),
        ("WATCHDOG_USEC", "0"),
    ],
)
def test_unusable_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: .*;"):
        from_environment({name: value})


def test_watchdog_is_meant_for_the_named_process_alone() -> None:
    own = {"WATCHDOG_USEC": "2500000", "WATCHDOG_PID": str(os.getpid())}
    assert from_environment(own).watchdog == 2.5
    assert from_environment({**own, "WATCHDOG_PID": "1"}).watchdog is None
    assert from_environment({"WATCHDOG_USEC": "2500000"}).watchdog == 2.5


def test_supervision_is_not_inherited() -> None:
    assert from_environment({"SYSTEMD_EXEC_PID": str(os.getpid())}).supervised
    assert not from_environment({"SYSTEMD_EXEC_PID": "1", "INVOCATION_ID": "a"}).supervised


@pytest.mark.parametrize("with_package", [True, False])
def test_unusable_value_ends_the_process_with_one_line(with_package: bool) -> None:
    process = DemoProcess({"DEMO_PORT": "many"}, with_package=with_package)
    assert process.wait() == 2
    assert len(process.lines) == 1
    assert "DEMO_PORT: 'many' is not a port; write" in process.lines[0]
    process.close()
