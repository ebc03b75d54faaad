"""The sandbox of a process as its unit asks for it: what is in it, and what opens it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from builders import release, settings
from python_service.module_utils.python_service.controller.hardening import PROFILE, weakened
from python_service.module_utils.python_service.errors import ServiceError

ALLOW = ("jit", "procinfo", "chown", "affinity", "netlink", "debug", "devices", "home")


def asked(**changes: Any) -> dict[str, list[str]]:
    """The values of each directive of the unit, as systemd.syntax(7) reads them."""
    found: dict[str, list[str]] = {}
    for line in release(**changes).units["demo.service"].split("\n"):
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def changed(**changes: Any) -> dict[str, tuple[list[str], list[str]]]:
    """The directives of the profile that changes change: what they are with and without."""
    plain, other = asked(), asked(**changes)
    names = {rule.directive for group in PROFILE for rule in group.rules} | {"ReadWritePaths"}
    return {
        name: (other.get(name, []), plain.get(name, []))
        for name in sorted(names)
        if other.get(name) != plain.get(name)
    }


def test_without_a_word_everything_is_denied_that_can_be() -> None:
    plain = asked()
    names = {rule.directive for group in PROFILE for rule in group.rules if rule.value is not None}
    assert names - plain.keys() == {"IPAddressAllow", "IPAddressDeny", "PrivateNetwork"}


@pytest.mark.parametrize(
    ("word", "opened"),
    [
        ("jit", {"MemoryDenyWriteExecute": []}),
        ("procinfo", {"ProcSubset": []}),
        ("devices", {"DevicePolicy": [], "PrivateDevices": [], "ProtectClock": []}),
        ("home", {"ProtectHome": []}),
    ],
)
def test_a_word_takes_out_what_it_names(word: str, opened: dict[str, list[str]]) -> None:
    assert {name: now for name, (now, _) in changed(allow=[word]).items()} == opened


@pytest.mark.parametrize(
    ("word", "directive", "added"),
    [
        ("chown", "SystemCallFilter", "@chown"),
        ("affinity", "SystemCallFilter", "@resources"),
        ("debug", "SystemCallFilter", "@debug"),
        ("netlink", "RestrictAddressFamilies", "AF_NETLINK"),
    ],
)
def test_a_word_adds_what_it_names_after_what_is_denied(
    word: str, directive: str, added: str
) -> None:
    assert changed(allow=[word]) == {directive: ([*asked()[directive], added], asked()[directive])}


def test_words_go_together() -> None:
    assert set(changed(allow=[*ALLOW])) == {
        name for word in ALLOW for name in changed(allow=[word])
    }


@pytest.mark.parametrize(
    ("network", "families", "denied", "private"),
    [
        ("full", ["AF_UNIX", "AF_INET AF_INET6"], [], []),
        ("localhost", ["AF_UNIX", "AF_INET AF_INET6"], ["any"], []),
        ("inbound", ["AF_UNIX"], ["any"], ["yes"]),
        ("none", ["AF_UNIX"], ["any"], ["yes"]),
    ],
)
@pytest.mark.parametrize("hardening", ["strict", "off"])
def test_the_network_is_what_is_asked_for_with_and_without_the_rest(
    hardening: str, network: str, families: list[str], denied: list[str], private: list[str]
) -> None:
    found = asked(network=network, hardening=hardening)
    if (hardening, network) == ("off", "full"):
        families = []
    told = [value for value in found.get("RestrictAddressFamilies", []) if value != "AF_UNIX"]
    assert told == [value for value in families if value != "AF_UNIX"]
    assert found.get("IPAddressDeny", []) == denied
    assert found.get("PrivateNetwork", []) == private


def test_off_denies_nothing() -> None:
    names = {rule.directive for group in PROFILE for rule in group.rules}
    assert not names & asked(hardening="off").keys()


def test_paths_are_opened_one_by_one() -> None:
    assert changed(writable=["/srv/data", "/srv/more"]) == {
        "ReadWritePaths": (["/srv/data", "/srv/more"], [])
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"allow": ["everything"]}, "python_service_allow"),
        ({"network": "some"}, "python_service_network"),
        ({"hardening": "lax"}, "python_service_hardening"),
        ({"hardening": "off", "allow": ["jit"]}, "python_service_allow: opens what"),
        ({"hardening": "off", "writable": ["/srv"]}, "python_service_writable: opens what"),
        ({"writable": ["data"]}, "python_service_writable: 'data' is not an absolute path"),
        ({"writable": ["/srv/a b"]}, "python_service_writable: '/srv/a b' is not an absolute path"),
        ({"writable": ["/srv/%n"]}, "python_service_writable: '/srv/%n' is not an absolute path"),
        ({"writable": ["/opt"]}, "python_service_writable: /opt has the service's own code in it"),
        (
            {"writable": ["/opt/demo/x"]},
            "python_service_writable: /opt/demo/x has the service's own",
        ),
        ({"writable": ["/home/me"]}, "write python_service_allow: [home] as well"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ServiceError, match=re.escape(said)):
        settings(**given)


def test_a_home_directory_can_be_written_once_homes_are_opened() -> None:
    settings(writable=["/home/me"], allow=["home"])


@pytest.mark.parametrize(
    ("options", "opened"),
    [
        ({"PrivateTmp": False}, ["PrivateTmp"]),
        ({"PrivateTmp": "yes"}, []),
        ({"PrivateTmp": True, "NoNewPrivileges": "on"}, []),
        ({"SystemCallFilter": "~@mount"}, []),
        ({"SystemCallFilter": ["@system-service", "@mount"]}, ["SystemCallFilter"]),
        ({"SystemCallFilter": ""}, ["SystemCallFilter"]),
        ({"AmbientCapabilities": "CAP_NET_BIND_SERVICE"}, ["AmbientCapabilities"]),
        ({"ReadWritePaths": "/srv"}, ["ReadWritePaths"]),
        ({"DeviceAllow": ""}, []),
        ({"Nice": 5, "UMask": "0022"}, []),
        ({"IPAddressAllow": "10.0.0.0/8"}, []),
    ],
    ids=str,
)
def test_what_options_open_is_known(options: dict[str, Any], opened: list[str]) -> None:
    assert weakened(settings(unit_options={"Service": options}).main) == opened


def test_an_address_opens_what_the_network_closes() -> None:
    options = {"Service": {"IPAddressAllow": "10.0.0.0/8"}}
    for network in ("localhost", "none"):
        assert weakened(settings(unit_options=options, network=network).main) == ["IPAddressAllow"]


def test_where_nothing_is_denied_nothing_is_opened() -> None:
    options = {"Service": {"PrivateTmp": False}}
    assert weakened(settings(unit_options=options, hardening="off").main) == []
