"""Packages that a host can neither fetch nor build: the controller does, for the Python of the host."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab.deploys import Versioned, imported
from lab.elsewhere import make_python
from lab.index import Index
from lab.sources import make_project, make_repository, make_sdist, over_ssh
from testinfra.host import Host

from python_service.module_utils.python_service.controller.installer import find_installer

#: Its Python is 3.9, which no controller has: Ansible itself asks for a newer one.
HOST = "debian-11"


@pytest.fixture
def python_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The controller has a Python 3.9 as well, with a compiler."""
    pip = Path(find_installer((3, 9)).path).parent
    make_python(tmp_path / "bin" / "python3.9", "debian:11", pip, tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=":")


def answer_of(versioned: Versioned, module: str) -> str:
    """What a compiled module says, beside the running program."""
    lib = f"/opt/{versioned.service.name}/current/lib"
    python = f"$(tr '\\0' '\\n' < /proc/{versioned.service.pid}/cmdline | head -1)"
    program = f"import {module}; print({module}.answer())"
    output: str = versioned.host.check_output(f"PYTHONPATH={lib} {python} -c '{program}'")
    return output


@pytest.mark.usefixtures("python_of_the_host")
def test_private_and_compiled_packages_reach_a_host_without_keys_and_compiler(
    host: Host, versioned: Versioned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in ("gcc", "git"):
        assert not host.exists(program)
    repository = make_repository(make_project(tmp_path / "ours", "ours", "3.1", compiled=True))
    over_ssh(tmp_path, monkeypatch)
    (tmp_path / "index" / "greeting").mkdir(parents=True)
    make_sdist(
        make_project(tmp_path / "greeting", "greeting"), tmp_path / "index" / "greeting", "greeting"
    )
    make_project(versioned.source, "shop", compiled=True)
    private = [f"ours @ git+ssh://git@git.invalid{repository}", "greeting"]
    assert versioned.deploy("one", requirements=private).message.startswith(
        "python_service_gather_wheels: python_service_requirements has 'ours @ git+ssh://"
    )
    # On the loopback, which is another one on the host.
    with Index("127.0.0.1", tmp_path / "index", login="me:s3cr3t").served() as index:
        options = [f"--index-url {index.url.replace('://', '://me:s3cr3t@')}"]
        given = {"requirements": private, "gather_wheels": True, "pip_options": options}
        versioned.deploy("one", "--check", **given).succeeded()
        assert not index.asked.is_set()
        versioned.deploy("one", **given).succeeded()
    assert versioned.serves() == "one"
    assert (imported(versioned), imported(versioned, "ours")) == ("1.0", "3.1")
    assert (answer_of(versioned, "ours"), answer_of(versioned, "shop")) == ("42", "42")
    assert "s3cr3t" not in host.run(f"grep -rs s3cr3t /opt/{versioned.service.name} /tmp").stdout
    # The index is gone: nothing is fetched for what the host has, or for new code.
    assert versioned.deploy("one", **given).succeeded().changed == []
    versioned.deploy("two", **given).succeeded()
    assert versioned.serves() == "two"
    assert (answer_of(versioned, "ours"), answer_of(versioned, "shop")) == ("42", "42")


def test_what_a_host_cannot_build_says_what_helps(versioned: Versioned, tmp_path: Path) -> None:
    house = tmp_path / "house"
    house.mkdir()
    make_sdist(make_project(tmp_path / "ours", "ours", compiled=True), house, "ours")
    message = versioned.deploy("one", requirements=["ours"], wheelhouse=str(house)).message
    assert "pip failed, since the host has no compiler" in message
    assert "python_service_gather_wheels: true has the controller do it:" in message
