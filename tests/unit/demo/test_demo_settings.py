"""The environment decides how the service runs; what cannot be used is refused by name."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from demo.settings import Settings, SettingsError, from_environment
from demo_process import DemoProcess


def test_defaults() -> None:
    assert from_environment({}) == Settings("127.0.0.1", 8080, 20, "development")


def test_values_are_taken() -> None:
    settings = from_environment(
        {
            "DEMO_HOST": "::1",
            "DEMO_PORT": "0",
            "DEMO_LOG_LEVEL": "notice",
            "PYTHON_SERVICE_RELEASE": "3f2a",
        }
    )
    assert settings == Settings("::1", 0, 25, "3f2a")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEMO_HOST", ""),
        ("DEMO_HOST", "localhost"),
        ("DEMO_PORT", ""),
        ("DEMO_PORT", "-1"),
        ("DEMO_PORT", "65536"),
        ("DEMO_PORT", "٣"),
        ("DEMO_PORT", "9" * 5000),
        ("DEMO_LOG_LEVEL", "loud"),
    ],
)
def test_unusable_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: .* is not .*; write "):
        from_environment({name: value})


def test_unusable_value_ends_the_process_with_one_line(start: Callable[..., DemoProcess]) -> None:
    demo = start(DEMO_PORT="many")
    assert demo.wait() == 1
    (line,) = demo.lines
    assert "CRITICAL demo: DEMO_PORT: 'many' is not a port; write" in line


def test_taken_port_ends_the_process_with_one_line(start: Callable[..., DemoProcess]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        demo = start(DEMO_PORT=str(port))
        assert demo.wait() == 1
    (line,) = demo.lines
    assert "CRITICAL demo: DEMO_HOST, DEMO_PORT: Address already in use" in line
    assert f"('127.0.0.1', {port})); write an address that is free" in line
