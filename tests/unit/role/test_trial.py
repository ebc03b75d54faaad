"""A release that is tried: where it listens, where its health is asked for, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lab.fake import FakeHost, Program, make_release

from python_service.module_utils.python_service.addresses import parse_address
from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host import handover
from python_service.module_utils.python_service.model import Health, Release

MAIN = Program()
WEB = Program(name="web", type="notify", socket="127.0.0.1:80")


def health_of(host: FakeHost, listens: str, health: Health, there: str) -> Health | None:
    """What a trial at an address asks in the place of a health check."""
    release = make_release(host, "demo", MAIN, replace(WEB, socket=listens))
    process = replace(release.processes[1], health=health)
    tried, _ = handover.trial("demo", process, release, {}, [parse_address(there)])
    return tried.health


@pytest.mark.parametrize(
    ("listens", "url", "asked", "said"),
    [
        ("127.0.0.1:80", "http://127.0.0.1/x?y", "http://127.0.0.1:9999/x?y", "127.0.0.1"),
        ("127.0.0.1:80", "http://localhost:80/", "http://localhost:9999/", "localhost:80"),
        ("8000", "http://127.0.0.1:8000/", "http://127.0.0.1:9999/", "127.0.0.1:8000"),
        ("8000", "http://[::1]:8000/", "http://127.0.0.1:9999/", "[::1]:8000"),
        ("10.0.0.1:443", "https://10.0.0.1/", "https://127.0.0.1:9999/", "10.0.0.1"),
    ],
)
def test_a_url_of_its_own_is_asked_at_the_trial_as_it_will_be(
    host: FakeHost, listens: str, url: str, asked: str, said: str
) -> None:
    found = health_of(host, listens, Health(3.0, url), "127.0.0.1:9999")
    assert found
    assert (found.url, found.headers) == (asked, {"Host": said})


def test_a_header_that_is_given_is_kept(host: FakeHost) -> None:
    health = Health(3.0, "http://127.0.0.1/", headers={"Host": "shop.example"})
    found = health_of(host, "127.0.0.1:80", health, "127.0.0.1:9999")
    assert found
    assert found.headers == {"Host": "shop.example"}


def test_a_unix_socket_of_its_own_is_another_one(host: FakeHost) -> None:
    health = Health(3.0, "http://shop/", socket="/run/shop.sock")
    found = health_of(host, "/run/shop.sock", health, "/run/other.sock")
    assert found
    assert (found.url, found.socket) == ("http://shop/", "/run/other.sock")


@pytest.mark.parametrize(
    "health",
    [
        Health(3.0, "http://127.0.0.1:81/"),
        Health(3.0, "http://10.0.0.1:80/"),
        Health(3.0, "http://shop/", socket="/run/proxy.sock"),
    ],
    ids=["another port", "another host", "another socket"],
)
def test_where_another_process_may_answer_nothing_is_asked(host: FakeHost, health: Health) -> None:
    assert health_of(host, "127.0.0.1:80", health, "127.0.0.1:9999") is None


def test_a_socket_that_is_more_than_addresses_is_not_handed_over(host: FakeHost) -> None:
    old, new = (make_release(host, "demo", MAIN, WEB, source=source) for source in "12")
    host.deploy(old)
    more = new.units["demo-web.socket"].replace("[Socket]\n", "[Socket]\nListenFIFO=/run/x\n")
    both = [replace(one, units={**one.units, "demo-web.socket": more}) for one in (old, new)]
    host.deploy(both[0])
    result = host.deploy(both[1], check=True)
    assert result["handover"] == "not used for demo-web.service: its socket has ListenFIFO"


def bad(host: FakeHost, line: str = "") -> Release:
    release = make_release(host, "demo", MAIN, replace(WEB, does="exits"), source="2")
    text = release.units["demo-web.service"].replace("[Service]\n", f"[Service]\n{line}")
    return replace(release, units={**release.units, "demo-web.service": text})


def test_what_ran_before_a_trial_is_said_not_to_be_undone(host: FakeHost) -> None:
    host.deploy(make_release(host, "demo", MAIN, WEB))
    with pytest.raises(ServiceError, match="was not accepted") as raised:
        host.deploy(bad(host))
    assert "ExecStartPre=" not in str(raised.value)
    with pytest.raises(ServiceError, match=r"Its ExecStartPre= ran: .* is not undone"):
        host.deploy(bad(host, "ExecStartPre=/bin/true\n"))


def test_a_release_that_is_tried_in_vain_restarts_nothing_and_is_in_the_history(
    host: FakeHost,
) -> None:
    good = make_release(host, "demo", MAIN, WEB)
    host.deploy(good)
    before = host.invocations("demo")
    with pytest.raises(ServiceError, match=f"Release {good.id} runs on") as raised:
        host.deploy(bad(host))
    facts = raised.value.facts
    assert (facts["release"], facts["restarted"], facts["rolled_back"]) == (good.id, False, False)
    assert facts["handover"] == "used"
    assert host.invocations("demo") == before
    assert host.events("demo")[-1]["result"] == "rejected"
    assert not host.deploy(good)["restarted"]
