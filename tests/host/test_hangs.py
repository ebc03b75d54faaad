"""Services that hang, that die at once, and that crash on and on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from lab.deploys import Player, Service
from lab.playbooks import Run
from lab.wheels import SERVICES
from testinfra.host import Host

#: The second knows delays that grow.
HOSTS = ("debian-11", "debian-testing")

Deploy = Callable[..., Run]


@pytest.fixture
def lives(host: Host) -> Service:
    return Service(host, "lives")


@pytest.fixture
def deploy(player: Player) -> Deploy:
    def deploy(how: str, **changes: Any) -> Run:
        given = {"src": str(SERVICES / "lives.py"), "command": f"python lives.py {how}"}
        return player.role(**{"name": "lives", "type": "notify", **given, **changes})

    return deploy


def test_a_service_that_dies_right_after_it_was_ready_is_not_accepted(deploy: Deploy) -> None:
    run = deploy("briefly")
    assert run.status != 0
    assert "lives.service did not stay up: " in run.message
    assert "died early" in run.message


def test_a_service_starts_slowly_hangs_and_says_where_each_thread_was(
    deploy: Deploy, lives: Service
) -> None:
    # It asks for more time to start than it has.
    deploy("slowly", unit_options={"Service": {"TimeoutStartSec": 5, "WatchdogSec": 5}}).succeeded()
    assert lives.show("NRestarts") == {"NRestarts": "0"}
    for sign, hung in (("STOP", "in <module>"), ("USR1", "in wait_for_ever")):
        pid = lives.pid
        lives.host.check_output(f"kill -{sign} {pid}")
        lives.eventually(
            lambda pid=pid: (  # type: ignore[misc]
                lives.pid not in (0, pid) and lives.show("ActiveState") == {"ActiveState": "active"}
            )
        )
        said = lives.journal(f"_PID={pid}", "PRIORITY=2")
        words = "\n".join(str(entry["MESSAGE"]) for entry in said)
        assert "Fatal Python error: Aborted" in words
        assert hung in words
        assert "in another_thread" in words


def test_a_crash_loop_ends_or_slows_down_and_is_no_obstacle(deploy: Deploy, lives: Service) -> None:
    grows = "testing" in lives.host.backend.name
    # What ends it is how often it starts: a hundred times, a second apart, take a test too long.
    soon = {"unit_options": {"Service": {"RestartSec": "10ms"}}}
    deploy("on", **({} if grows else soon)).succeeded()
    lives.host.check_output("touch /var/lib/lives/crash")
    lives.host.check_output(f"kill -9 {lives.pid}")
    if grows:
        lives.eventually(lambda: int(lives.show("NRestarts")["NRestarts"]) > 2)
        assert lives.show("RestartUSec")["RestartUSec"] == "1s"
        assert float(lives.show("RestartUSecNext")["RestartUSecNext"].rstrip("s")) > 2
    else:
        lives.eventually(lambda: lives.show("ActiveState")["ActiveState"] == "failed")
        assert int(lives.show("NRestarts")["NRestarts"]) > 90
    lives.host.check_output("rm /var/lib/lives/crash")
    deploy("on", description="mended").succeeded()
    assert lives.pid != 0
