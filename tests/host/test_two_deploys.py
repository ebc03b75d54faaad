"""Two deploys of a service at once: the second is refused, and one that died holds nothing."""

from __future__ import annotations

from lab.deploys import Player, Versioned, imported
from lab.index import Index
from testinfra.host import Host

# Every pip that runs on the host is looked for, so no other test may run one there.
HOST = "debian-12"


def test_two_deploys_at_once_are_not_mixed(
    versioned: Versioned, player: Player, index: Index
) -> None:
    versioned.deploy("one").succeeded()
    versioned.write("two")
    index.hold()
    slow = versioned.variables(requirements=index.requirements("greeting"))
    first = player.start(player.role_playbook(**slow))
    versioned.service.eventually(index.asked.is_set)
    second = versioned.player.role(**versioned.variables())
    index.release()
    output, _ = first.communicate()
    assert "is being changed by" in second.message
    assert "since 20" in second.message
    assert second.changed == []
    assert first.returncode == 0, output
    assert versioned.serves() == "two"


def test_a_lock_whose_holder_died_does_not_count(
    host: Host, versioned: Versioned, player: Player, index: Index
) -> None:
    versioned.deploy("one").succeeded()
    versioned.write("two")
    index.begin()  # only who is killed ends
    slow = versioned.variables(requirements=index.requirements("greeting"))
    first = player.start(player.role_playbook(**slow))
    # Only then: a pip that still has something to say ends by itself when nobody listens.
    versioned.service.eventually(index.asked.is_set)
    holders = host.check_output("pgrep -f '[p]ip wheel'").split()
    parents = host.check_output(f"ps -o ppid= -p {holders[0]}").split()
    host.check_output(f"kill -9 {parents[0]}")
    # What it had started ends with it, and so does the lock.
    versioned.service.eventually(lambda: host.run("pgrep -f '[p]ip wheel'").rc != 0)
    index.release()
    versioned.player.role(**slow).succeeded()
    first.communicate()
    assert versioned.serves() == "two"
    assert imported(versioned) == "1.0"
