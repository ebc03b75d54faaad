"""Addresses that systemd listens on: which are ones, and which cannot be had together."""

from __future__ import annotations

import re

import pytest

from python_service.module_utils.python_service.addresses import Address, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("8000", Address("", 8000)),
        ("127.0.0.1:80", Address("127.0.0.1", 80)),
        ("[::1]:65535", Address("::1", 65535)),
        ("[0:0::1]:80", Address("::1", 80)),
        ("/run/shop.sock", Address(path="/run/shop.sock")),
    ],
)
def test_an_address(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is no address"),
        ("localhost:80", "has the host 'localhost', and systemd takes addresses alone"),
        ("::1:80", "is no address"),
        ("[127.0.0.1]:80", "has the host '127.0.0.1'"),
        (":80", "is no address"),
        ("0", "has no port from 1 to 65535"),
        ("127.0.0.1:65536", "has no port from 1 to 65535"),
        ("٣", "is no address"),
        ("http://127.0.0.1:80", "is no address"),
        ("@shop", "is no address"),
        ("run/shop.sock", "is no address"),
        ("/run/../shop", "is no plain path"),
        ("/run/shop sock", "is no plain path"),
        ("/run/%n", "is no plain path"),
        (f"/run/{'s' * 103}", "is longer than the 107 characters"),
    ],
)
def test_what_is_none(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}"):
        parse_address(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("8000", "8000"),
        ("8000", "127.0.0.1:8000"),
        ("[::]:8000", "10.0.0.1:8000"),
        ("0.0.0.0:8000", "127.0.0.1:8000"),
        ("0.0.0.0:8000", "[::]:8000"),
        ("/run/a.sock", "/run/a.sock"),
    ],
)
def test_two_that_cannot_be_had_together(one: str, other: str) -> None:
    assert parse_address(one).meets(parse_address(other))
    assert parse_address(other).meets(parse_address(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("8000", "8001"),
        ("127.0.0.1:8000", "127.0.0.2:8000"),
        ("0.0.0.0:8000", "[::1]:8000"),
        ("127.0.0.1:8000", "[::1]:8000"),
        ("/run/a.sock", "/run/b.sock"),
        ("/run/a.sock", "8000"),
    ],
)
def test_two_that_can(one: str, other: str) -> None:
    assert not parse_address(one).meets(parse_address(other))
    assert not parse_address(other).meets(parse_address(one))
