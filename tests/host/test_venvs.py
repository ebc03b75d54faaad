"""Environments: built once for the same requirements, whole or not at all, without pip on the host."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from lab.deploys import MAIN, Player, Versioned, imported, make_wheel, prefixed, role_task
from lab.index import Index
from lab.playbooks import Run
from testinfra.host import Host

HOST = "debian-12"


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Path:
    directory = tmp_path / "wheelhouse"
    directory.mkdir()
    return directory


def environments(versioned: Versioned) -> list[str]:
    base = f"/opt/{versioned.service.name}/environments"
    output: str = versioned.host.check_output(
        f"find {base} -mindepth 1 -maxdepth 1 -printf '%p %i %T@\\n'"
    )
    return sorted(output.splitlines())


def test_the_host_has_neither_pip_nor_ensurepip(host: Host) -> None:
    for module in ("pip", "ensurepip"):
        assert host.run(f"/usr/bin/python3 -c 'import {module}'").rc != 0


def test_requirements_come_from_the_wheelhouse_alone(
    versioned: Versioned, wheelhouse: Path
) -> None:
    make_wheel(wheelhouse, "1.0")
    given = {"requirements": ["greeting==1.0"], "wheelhouse": str(wheelhouse)}
    run = versioned.deploy("one", "--diff", command="greeting-serve", **given).succeeded()
    assert versioned.serves() == "one"
    assert imported(versioned) == "1.0"
    # pip's work went on in the background, while Ansible said that it does; and it is a change
    # like any other in a diff.
    (deploy,) = [result for name, result in run.tasks if name.startswith("Deploy release")]
    assert deploy["finished"]
    assert deploy["ansible_job_id"]
    diffs = [diff for _, result in run.tasks for diff in result.get("diff", [])]
    assert any("+ main.py" in diff.get("prepared", "") for diff in diffs)


def test_changed_code_builds_no_environment_and_changed_requirements_do(
    versioned: Versioned, wheelhouse: Path
) -> None:
    make_wheel(wheelhouse, "1.0")
    given = {"requirements": ["greeting"], "wheelhouse": str(wheelhouse)}
    versioned.deploy("one", **given).succeeded()
    before = environments(versioned)
    versioned.deploy("two", **given).succeeded()
    assert environments(versioned) == before
    make_wheel(wheelhouse, "2.0")
    versioned.deploy("two", **given).succeeded()
    assert imported(versioned) == "2.0"
    # The old one is there for the releases that one can go back to, and goes with the last.
    assert len(environments(versioned)) == 2
    versioned.deploy("three", **given, keep_releases=1).succeeded()
    assert len(environments(versioned)) == 1


def test_files_include_others_with_constraints_and_hashes(
    versioned: Versioned, wheelhouse: Path, tmp_path: Path
) -> None:
    wheel = make_wheel(wheelhouse, "1.0")
    make_wheel(wheelhouse, "2.0")
    (tmp_path / "more").mkdir()
    (tmp_path / "all.txt").write_text("-r more/base.txt\n")
    (tmp_path / "more" / "base.txt").write_text("-c limits.txt\ngreeting\n")
    (tmp_path / "more" / "limits.txt").write_text("greeting<2\n")
    given = {"requirements": str(tmp_path / "all.txt"), "wheelhouse": str(wheelhouse)}
    versioned.deploy("one", **given).succeeded()
    assert imported(versioned) == "1.0"
    lock = f"greeting==1.0 \\\n    --hash=sha256:{digest_of(wheel)}\n"
    (tmp_path / "all.txt").write_text(lock)
    versioned.deploy("one", **given, require_hashes=True).succeeded()
    assert imported(versioned) == "1.0"


def test_what_cannot_be_installed_changes_nothing(
    host: Host, versioned: Versioned, wheelhouse: Path
) -> None:
    make_wheel(wheelhouse, "1.0")
    versioned.deploy("good").succeeded()
    before, pid = environments(versioned), versioned.service.pid
    (wheelhouse / "broken-1.0-py3-none-any.whl").write_bytes(b"no wheel")
    wrong = f"greeting==1.0 --hash=sha256:{'0' * 64}"
    bad: dict[str, dict[str, Any]] = {
        "No matching distribution found": {"requirements": ["no-such-thing==1"]},
        "DO NOT MATCH THE HASHES": {"requirements": [wrong]},
        "Hashes are required": {"requirements": ["greeting==1.0"], "require_hashes": True},
        "broken": {"requirements": ["broken"]},
    }
    for words, given in bad.items():
        run = versioned.deploy("bad", wheelhouse=str(wheelhouse), **given)
        assert run.status != 0
        assert words in run.message
        assert "What runs is untouched" in run.message
        assert environments(versioned) == before
        assert versioned.service.pid == pid
        left = host.check_output(f"ls -A /opt/{versioned.service.name}").split()
        assert not [name for name in left if name.startswith(".")]
    versioned.deploy("good").succeeded()


def test_an_index_that_refuses_is_named(versioned: Versioned, index: Index) -> None:
    versioned.deploy("good").succeeded()
    run = versioned.deploy(
        "bad", requirements=["--index-url http://127.0.0.1:9/simple/", "greeting"]
    )
    assert "greeting" in run.message
    assert "Connection refused" in run.message or "No matching distribution" in run.message
    assert versioned.serves() == "good"
    versioned.deploy("better", requirements=index.requirements("greeting")).succeeded()
    assert imported(versioned) == "1.0"


def test_an_index_that_does_not_answer_is_named(versioned: Versioned, index: Index) -> None:
    versioned.deploy("good").succeeded()
    before = environments(versioned)
    index.hold()
    run = versioned.deploy("bad", requirements=index.requirements("greeting"))
    assert "greeting" in run.message
    assert "timed out" in run.message
    assert environments(versioned) == before
    assert versioned.serves() == "good"


def test_a_program_that_nothing_brings_is_named(versioned: Versioned, wheelhouse: Path) -> None:
    make_wheel(wheelhouse, "1.0")
    given = {"requirements": ["greeting"], "wheelhouse": str(wheelhouse)}
    run = versioned.deploy("one", command="gunicorn app:app", **given)
    assert "python_service_command: gunicorn is not in the virtual environment of" in run.message
    assert "python_service_requirements" in run.message


def test_an_environment_whose_python_has_changed_is_built_anew(
    host: Host, versioned: Versioned, wheelhouse: Path
) -> None:
    make_wheel(wheelhouse, "1.0")
    given = {"requirements": ["greeting"], "wheelhouse": str(wheelhouse)}
    versioned.deploy("one", **given).succeeded()
    before = versioned.service.pid
    # As it is after an upgrade of the host: packages where the new Python does not look.
    base = f"/opt/{versioned.service.name}/environments/*"
    host.check_output(
        f'sed -i \'s/"version": "[0-9.]*"/"version": "3.8"/\' {base}/environment.json'
    )
    host.check_output(f"cd {base}/lib && mv python3* python3.8")
    versioned.deploy("one", **given).succeeded()
    assert imported(versioned) == "1.0"
    assert versioned.service.pid != before
    assert versioned.deploy("one", **given).succeeded().changed == []


def said(run: Run) -> str:
    """What a deploy warned of."""
    results = (result for _, result in run.succeeded().tasks)
    return "\n".join(text for result in results for text in result.get("warnings", ()))


def test_going_back_brings_back_what_was_installed_though_the_index_moves_on(
    host: Host, versioned: Versioned, index: Index, tmp_path: Path
) -> None:
    lines = index.requirements("greeting")
    assert "installed were greeting 1.0, and" in said(versioned.deploy("one", requirements=lines))
    first = versioned.current()
    make_wheel(tmp_path / "index" / "greeting", "2.0")
    # It is told once, and the same requirements are what they were.
    assert "installed were" not in said(versioned.deploy("two", requirements=lines))
    assert imported(versioned) == "1.0"
    (tmp_path / "index" / "extra").mkdir()
    make_wheel(tmp_path / "index" / "extra", "1.0", "extra")
    more = [*lines, "extra==1.0"]
    assert "installed were greeting 2.0, and" in said(versioned.deploy("two", requirements=more))
    assert imported(versioned) == "2.0"
    name = versioned.service.name
    text = host.check_output(f"cat /opt/{name}/current/release.json")
    assert json.loads(text)["installed"] == {"extra": "1.0", "greeting": "2.0"}
    index.hold()
    named = prefixed({"name": name, "rollback_to": first})
    versioned.player.play([role_task("rollback")], **named).succeeded()
    assert imported(versioned) == "1.0"


def test_an_interpreter_below_opt_and_one_below_roots_home(
    host: Host, versioned: Versioned, wheelhouse: Path
) -> None:
    """As uv installs them: a prefix of its own, with all that belongs to the Python."""
    make_wheel(wheelhouse, "1.0")
    host.check_output(
        "mkdir -p /root/pythons/3/bin /root/pythons/3/lib && cd /root/pythons/3"
        " && cp $(readlink -f /usr/bin/python3) bin/ && ln -s $(ls bin) bin/python3"
        " && cp -r /usr/lib/python3.* lib/"
    )
    given = {"requirements": ["greeting"], "wheelhouse": str(wheelhouse)}
    run = versioned.deploy("one", python="/root/pythons/3/bin/python3", **given)
    name = versioned.service.name
    assert run.message.startswith(
        "python_service_python: /root/pythons/3/bin/python3 cannot be executed by the service's "
        f"account {name}: it may not enter /root (drwx------ root:root); install "
    )
    assert not host.user(name).exists
    assert not host.file(f"/opt/{name}").exists
    host.check_output("mv /root/pythons /opt/pythons")
    versioned.deploy("one", python="/opt/pythons/3/bin/python3", **given).succeeded()
    assert imported(versioned) == "1.0"
    first = f"$(tr '\\0' '\\n' < /proc/{versioned.service.pid}/cmdline | head -1)"
    program = host.check_output(f"readlink -f {first}")
    assert program.startswith("/opt/pythons/3/bin/python3.")


BACKEND = """
import base64, hashlib, zipfile
def get_requires_for_build_wheel(config_settings=None): return []
def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "shop-1.0-py3-none-any.whl"
    info = "shop-1.0.dist-info"
    files = {
        "shop.py": open("src/shop.py").read(),
        info + "/METADATA": "Metadata-Version: 2.1\\nName: shop\\nVersion: 1.0\\nRequires-Dist: greeting\\n",
        info + "/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        info + "/entry_points.txt": "[console_scripts]\\nshop-serve = shop:main\\n",
    }
    files[info + "/RECORD"] = "".join(file + ",,\\n" for file in [*files, info + "/RECORD"])
    with zipfile.ZipFile(directory + "/" + name, "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
    return name
"""


def test_a_project_is_installed_with_its_scripts_and_dependencies(
    host: Host, versioned: Versioned, wheelhouse: Path
) -> None:
    make_wheel(wheelhouse, "1.0")
    (versioned.source / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "shop"\nversion = "1.0"\ndependencies = ["greeting"]\n'
        '[project.scripts]\nshop-serve = "shop:main"\n'
    )
    (versioned.source / "backend.py").write_text(BACKEND)
    (versioned.source / "src").mkdir()
    (versioned.source / "src" / "shop.py").write_text(f"import greeting\n{MAIN}")
    given = {"command": "shop-serve", "wheelhouse": str(wheelhouse)}
    versioned.deploy("one", **given).succeeded()
    assert versioned.serves() == "one"
    before = environments(versioned)
    versioned.deploy("two", **given).succeeded()
    assert versioned.serves() == "two"
    assert environments(versioned) == before
    name = versioned.service.name
    assert (
        host.check_output(f"find /opt/{name}/releases/*/lib ! -user root -o ! -type l -perm /022")
        == ""
    )


def test_a_program_may_come_from_its_requirements_alone(
    versioned: Versioned, player: Player, wheelhouse: Path
) -> None:
    wheel = make_wheel(wheelhouse, "1.0", "alone")
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("alone/__main__.py", "import signal\nprint('alone')\nsignal.pause()\n")
        archive.writestr("alone/__init__.py", "")
    variables = versioned.variables(
        requirements=["alone"], wheelhouse=str(wheelhouse), command="python -m alone", type="exec"
    )
    del variables["src"]
    player.role(**variables).succeeded()
    assert versioned.service.entries("alone")
