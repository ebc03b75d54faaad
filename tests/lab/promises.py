"""What the role promises of a host, looked at on a fake one; an assertion says what is broken."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

from lab.fake import FakeHost, Program, make_release
from python_service.module_utils.python_service.host import history
from python_service.module_utils.python_service.host.decide import startable
from python_service.module_utils.python_service.host.releases import read_release
from python_service.module_utils.python_service.model import Release

#: A service whose name begins as that of the one that is looked at.
NEIGHBOUR = "demo-neighbour"


def deploy_neighbour(host: FakeHost) -> dict[str, Any]:
    """Another service of the host, as it is to be found at any time afterwards."""
    host.deploy(make_release(host, NEIGHBOUR, Program()))
    host.write_data(NEIGHBOUR)
    return host.picture(NEIGHBOUR)


def expect_untouched(host: FakeHost, before: dict[str, Any]) -> None:
    """Nothing of the other service is another than before."""
    assert host.picture(NEIGHBOUR) == before


def expect_deployed(
    host: FakeHost, name: str, release: Release, *, started: bool = True, enabled: bool = True
) -> None:
    """Exactly this release is there, and nothing is left over from any other or from its way there."""
    units = startable(release)
    jobs = [process.unit for process in release.processes if process.timer]
    at_boot = {unit for unit in units if "WantedBy=" in release.units[unit]}
    if started:
        assert host.missing(name, release) == []
        assert host.running_units(name) <= {*units, *jobs}
    else:
        assert host.running_units(name) <= {*jobs}
    assert host.own_units(name) == host.units_of(release)
    assert host.enabled_units(name) == (at_boot if enabled else set())
    assert host.leftovers(name) == []
    assert host.counting(name) == release.id
    assert os.readlink(host.layout(name).current) == f"releases/{release.id}"


def expect_nothing_to_do(host: FakeHost, release: Release, **how: Any) -> None:
    """The same again neither changes nor restarts anything, and check mode says so."""
    name = release.processes[0].unit.rpartition(".")[0]
    before = host.picture(name)
    assert host.deploy(release, check=True, **how)["steps"] == []
    del host.systemd.told[:]
    result = host.deploy(release, **how)
    assert (result["steps"], result["changed"], result["restarted"]) == ([], False, False)
    assert host.systemd.told == []
    assert host.picture(name) == before


def expect_nothing_runs(host: FakeHost, name: str) -> None:
    """Nothing of a service runs, would at boot, or is left of its units."""
    assert host.running_units(name) == set()
    assert host.enabled_units(name) == set()
    assert host.own_units(name) == {}


def expect_kept(host: FakeHost, name: str, but: Collection[str] = ()) -> None:
    """The release that counts, the one to go back to, what is staged, and what runs are on the host.

    ``but`` are releases that somebody else has taken something from.
    """
    layout = host.layout(name)
    events = history.events(layout)
    counting = host.counting(name)
    texts = [
        unit.invocation.text
        for of_it, unit in host.systemd.running().items()
        if of_it in host.running_units(name) and of_it.endswith(".service") and unit.invocation
    ]
    running = [text.release for text in texts]
    in_place = {counting, history.previous(events, counting), *running}
    for release in {*in_place, history.staged(events)} - {None, *but}:
        found = read_release(layout, str(release))
        assert found, f"release {release} is not on the host"
        assert os.path.isdir(layout.venv(found.venv.id)), f"the venv of {release} is not"
        # What is only staged gets its secrets when it is activated.
        if release in in_place:
            assert found.secrets <= host.secrets(name).keys(), f"a secret of {release} is not"


def expect_gone(host: FakeHost, name: str, *, data: bool) -> None:
    """What the role made is not there any more; data are, if they were to stay."""
    layout = host.layout(name)
    expect_nothing_runs(host, name)
    assert host.leftovers(name) == []
    assert not any(host.accounts.exists(kind, name) for kind in ("user", "group"))
    left = os.listdir(layout.base) if os.path.isdir(layout.base) else []
    if data:
        assert not os.path.lexists(layout.record)
        assert left == []
        assert not any(os.path.lexists(path) for path in layout.data)
    else:
        assert os.path.isfile(layout.record)
        assert left == ["history.jsonl"]
        assert host.events(name)[-1]["result"] == "removed"
        assert os.listdir(layout.data[0]) == ["precious"]
    left = [path for _, owner, path in host.accounts.owned if owner == name]
    assert not any(os.path.lexists(path) for path in left)
