"""What is seen of a service on its host: whose units are whose, what runs, and what is whole."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from lab.fake import FakeHost, Program, make_release

from python_service.module_utils.python_service.host.decide import Desired, Held
from python_service.module_utils.python_service.host.observe import observe, own_units, owner
from python_service.module_utils.python_service.host.releases import read_release
from python_service.module_utils.python_service.layout import UNIT_MARK
from python_service.module_utils.python_service.model import Health, Process, Release

MARK = f"{UNIT_MARK}; the next deploy writes it again.\n"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("demo.service", MARK, "demo"),
        ("demo.socket", MARK, "demo"),
        ("demo.service.d/10-host.conf", MARK, "demo"),
        ("demo-worker.service", MARK, "demo-worker"),
        ("demo-worker.service", f"{MARK}# Service: demo\n", "demo"),
        ("demo-worker.service.d/10-host.conf", f"{MARK}# Service: demo\n", "demo"),
        ("demo.service", f"{MARK}\n# Service: other\n", "demo"),
        ("/opt/demo/run", f"#!/usr/bin/python3\n{MARK}# Service: demo\n", "demo"),
        ("/opt/demo/run", "#!/usr/bin/python3\n", None),
        ("demo.service", "[Service]\n", None),
        ("demo.service", f"[Service]\n{MARK}", None),
        ("demo.service", "", None),
    ],
)
def test_a_unit_says_whose_it_is(name: str, text: str, expected: str | None) -> None:
    assert owner(name, text) == expected


def test_the_units_of_a_service_are_those_that_say_so(host: FakeHost) -> None:
    layout = host.layout("demo")
    own = {
        "demo.service": MARK,
        "demo-worker.service": f"{MARK}# Service: demo\n",
        "demo.service.d/10-host.conf": MARK,
        "demo.target": MARK,
        "demo.run-.service.d/10-host.conf": f"{MARK}# Service: demo\n",
        layout.run: f"#!/usr/bin/python3\n{MARK}# Service: demo\n",
    }
    others = {
        "demo-web.service": MARK,
        "demo.socket": "[Socket]\n",
        "demo.mount": MARK,
        "demonstration.service": MARK,
        "other.service": f"{MARK}# Service: demo\n",
        "demo.service.d/mine.conf": "[Service]\n",
        "demo.service.d/readme.txt": MARK,
    }
    for name, text in {**own, **others}.items():
        Path(layout.unit(name)).parent.mkdir(exist_ok=True, parents=True)
        Path(layout.unit(name)).write_text(text)
    os.symlink("/dev/null", layout.unit("demo-masked.service"))
    assert own_units(layout) == own


def test_nothing_is_observed_where_nothing_is(host: FakeHost) -> None:
    observed = observe(host.layout("demo"), host.machine)
    assert list(observed.units) == ["demo.service"]
    assert observed.units["demo.service"].text is None
    assert (observed.current, observed.events, observed.releases) == (None, (), {})
    assert (observed.running, observed.staged) == ([], True)


class TestDeployed:
    """A host with a service that runs."""

    @pytest.fixture
    def release(self, host: FakeHost) -> Release:
        programs = (Program(), Program(name="web", socket="80"))
        release = make_release(host, "demo", *programs, files="1")
        host.deploy(release)
        return release

    def test_what_runs_is_known_by_what_it_was_started_from(
        self, host: FakeHost, release: Release
    ) -> None:
        observed = observe(host.layout("demo"), host.machine, Desired(release))
        unit = observed.units["demo.service"]
        assert (unit.release, unit.runs) == (release.id, release.fingerprint("demo.service"))
        assert (unit.state, unit.enabled, unit.reload) == ("active", "enabled", False)
        assert observed.units["demo-web.socket"].runs is None
        assert (observed.running, observed.staged) == ([release.id], True)

    def test_commands_are_known_by_the_release_that_they_were_started_in(
        self, host: FakeHost, release: Release
    ) -> None:
        unit = host.systemd.run_command("demo")
        host.deploy(make_release(host, "demo-other", Program()))
        host.systemd.run_command("demo-other")
        host.deploy(make_release(host, "demo", Program(), source="2"))
        observed = observe(host.layout("demo"), host.machine)
        assert observed.commands == {unit: release.id}
        assert unit not in observed.units

    @pytest.mark.parametrize(
        "part", ["release.json", "app", "etc", "units/demo.service", "venv", "mark"]
    )
    def test_what_is_taken_away_makes_neither_it_nor_what_runs_from_it_trusted(
        self, host: FakeHost, release: Release, part: str
    ) -> None:
        layout = host.layout("demo")
        venv = Path(layout.venv(release.venv.id))
        path = {"venv": venv, "mark": venv / "environment.json"}.get(
            part, Path(layout.release(release.id), part)
        )
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        observed = observe(layout, host.machine, Desired(release))
        assert not observed.staged
        assert observed.units["demo.service"].runs is None
        assert observed.units["demo.service"].release == release.id

    def test_a_release_that_is_another_than_the_wanted_of_that_name_is_not_staged(
        self, host: FakeHost, release: Release
    ) -> None:
        path = Path(host.layout("demo").release(release.id), "release.json")
        path.write_text(path.read_text().replace('"settle": 0.5', '"settle": 9'))
        observed = observe(host.layout("demo"), host.machine, Desired(release))
        assert not observed.staged

    def test_a_process_of_which_nothing_is_known_runs_nothing(
        self, host: FakeHost, release: Release
    ) -> None:
        host.systemd.release_of = lambda unit, status: None  # type: ignore[method-assign]
        observed = observe(host.layout("demo"), host.machine, Desired(release))
        assert observed.units["demo.service"].runs is None
        assert observed.running == []

    def test_a_release_that_cannot_be_read_is_told_apart(
        self, host: FakeHost, release: Release
    ) -> None:
        layout = host.layout("demo")
        Path(layout.release("0123456789ab")).mkdir()
        Path(layout.release("lost+found")).mkdir()
        observed = observe(layout, host.machine)
        assert observed.unreadable == ["0123456789ab"]
        assert observed.releases == {release.id: Held.by(release)}


OLD = {
    "id": "0123456789ab",
    "source": "digest",
    "environment": "ba9876543210",
    "python": "/usr/bin/python3",
    "require_hashes": True,
    "project": False,
    "program": "/opt/demo/run",
    "acceptance": {
        "settle": 5,
        "health": {"url": "http://x/", "status": 200, "command": None, "timeout": 30, "more": 1},
    },
    "created": "2025-01-01T00:00:00+00:00",
    "by": "me@here",
    "revision": None,
    "unit": "digest",
}


class TestOldRelease:
    """What the first version of the role wrote is read as if it were written today."""

    def read(self, host: FakeHost, facts: object) -> Release | None:
        layout = host.layout("demo")
        directory = Path(layout.release("0123456789ab"))
        (directory / "app").mkdir(parents=True)
        (directory / "units").mkdir()
        (directory / "units" / "demo.service").write_text("text")
        (directory / "release.json").write_text(json.dumps(facts))
        return read_release(layout, "0123456789ab")

    def test_it_has_one_process(self, host: FakeHost) -> None:
        found = self.read(host, OLD)
        assert found
        health = Health(timeout=30, url="http://x/")
        assert found.processes == (
            Process("demo.service", program="/opt/demo/run", settle=5, health=health),
        )
        assert (found.venv.id, found.venv.require_hashes) == ("ba9876543210", True)
        assert found.units == {"demo.service": "text"}
        assert found.origin == {key: OLD[key] for key in ("created", "by", "revision")}

    def test_it_may_have_no_health_check(self, host: FakeHost) -> None:
        found = self.read(host, {**OLD, "acceptance": {"settle": 5, "health": {}}})
        assert found
        assert found.processes[0].health is None

    @pytest.mark.parametrize(
        "facts",
        [
            [],
            None,
            {},
            {**OLD, "acceptance": None},
            {**OLD, "id": "ffffffffffff"},
            {key: value for key, value in OLD.items() if key != "source"},
        ],
    )
    def test_what_is_not_whole_is_no_release(self, host: FakeHost, facts: object) -> None:
        assert self.read(host, facts) is None
