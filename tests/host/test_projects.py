"""Projects as people have them: what they say of their dependencies is what is installed."""

from __future__ import annotations

import hashlib
import subprocess
import zipapp
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from lab.deploys import Versioned, imported, make_wheel
from lab.index import Index
from lab.playbooks import Run
from lab.sources import backend, make_repository
from testinfra.host import Host

HOST = "debian-12"

APPLICATION = '[project]\nname = "shop"\nversion = "1.0"\nrequires-python = ">=3.9"\n'
BUILD = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
UV_LOCK = """\
version = 1
requires-python = ">=3.9"

[[package]]
name = "shop"
version = "1.0"
source = {{ virtual = "." }}
dependencies = [{{ name = "greeting" }}]

[[package]]
name = "greeting"
version = "1.0"
source = {{ registry = "https://pypi.org/simple" }}
wheels = [{{ url = "https://pypi.org/greeting-1.0-py3-none-any.whl", hash = "sha256:{digest}", size = 1 }}]
"""


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Path:
    """Versions 1.0 and 2.0 of ``greeting``, and 1.0 of ``extra``."""
    directory = tmp_path / "wheelhouse"
    directory.mkdir()
    for version in ("1.0", "2.0"):
        make_wheel(directory, version)
    make_wheel(directory, "1.0", "extra")
    return directory


def hash_of(wheelhouse: Path, name: str = "greeting") -> str:
    return hashlib.sha256((wheelhouse / f"{name}-1.0-py3-none-any.whl").read_bytes()).hexdigest()


def write(directory: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def said(run: Run) -> str:
    """What a person reads of the requirements where the release is deployed."""
    (name,) = [name for name, _ in run.succeeded().tasks if name.startswith("Deploy release")]
    return name.partition(" (")[2].removesuffix(")")


def program_of(versioned: Versioned, module: str) -> str:
    """The version of a module as the program sees it."""
    host, pid = versioned.host, versioned.service.pid
    program = f"import {module}; print({module}.VERSION)"
    python = f"$(tr '\\0' '\\n' < /proc/{pid}/cmdline | head -1)"
    paths = host.check_output(f"tr '\\0' '\\n' < /proc/{pid}/environ | grep ^PYTHONPATH= || true")
    output: str = host.check_output(f"{paths} {python} -c '{program}'")
    return output


def test_an_application_of_uv_gets_what_its_lock_has(
    host: Host, versioned: Versioned, wheelhouse: Path
) -> None:
    digest = hash_of(wheelhouse)
    write(
        versioned.source,
        {
            "pyproject.toml": APPLICATION + 'dependencies = ["greeting"]\n',
            "uv.lock": UV_LOCK.format(digest=digest),
        },
    )
    run = versioned.deploy("one", wheelhouse=str(wheelhouse))
    assert said(run) == "uv.lock: 1 package, hashed"
    assert imported(versioned) == "1.0"
    release = f"/opt/{versioned.service.name}/current/release.json"
    assert '"requirements": "uv.lock: 1 package, hashed"' in host.check_output(f"cat {release}")
    assert versioned.deploy("one", wheelhouse=str(wheelhouse)).succeeded().changed == []
    # The wheel by this name is none of the lock's.
    write(versioned.source, {"uv.lock": UV_LOCK.format(digest="0" * 64)})
    assert "DO NOT MATCH THE HASHES" in versioned.deploy("two", wheelhouse=str(wheelhouse)).message
    assert versioned.serves() == "one"


@pytest.mark.parametrize("command", ["python app", "./app"])
def test_a_zip_archive_runs_as_the_one_file_that_it_is(
    versioned: Versioned, wheelhouse: Path, tmp_path: Path, command: str
) -> None:
    """Of requirements on top it finds what is installed, and its entries have their priorities."""
    versioned.write("one")
    program = "import greeting, logging\nlogging.error('greeting %s', greeting.VERSION)\n"
    (versioned.source / "__main__.py").write_text(f"{program}import main\n")
    zipapp.create_archive(versioned.source, tmp_path / "app", "/usr/bin/env python3")
    (tmp_path / "app").chmod(0o644)
    changes = {"src": str(tmp_path / "app"), "command": command}
    more = {"requirements": ["greeting<2"], "wheelhouse": str(wheelhouse)}
    versioned.player.role(**versioned.variables(**changes, **more)).succeeded()
    assert versioned.serves() == "one"
    (entry,) = versioned.service.entries("greeting 1.0")
    assert entry["PRIORITY"] == "3"


def pylock(wheelhouse: Path) -> str:
    return (
        'lock-version = "1.0"\ncreated-by = "x"\nextras = ["more"]\n'
        f'[[packages]]\nname = "greeting"\nversion = "1.0"\n[[packages.wheels]]\n'
        f'hashes = {{sha256 = "{hash_of(wheelhouse)}"}}\n'
        f'[[packages]]\nname = "extra"\nversion = "1.0"\nmarker = "\'more\' in extras"\n'
        f'[[packages.wheels]]\nhashes = {{sha256 = "{hash_of(wheelhouse, "extra")}"}}\n'
    )


#: What is beside the program, and what is said of it.
KINDS: dict[str, tuple[Callable[[Path], dict[str, str]], str]] = {
    "script": (
        lambda _: {"block": "# /// script\n# dependencies = ['greeting<2']\n# ///\n"},
        "main.py: 1 package",
    ),
    "requirements.txt": (
        lambda _: {"requirements.txt": "greeting<2\n"},
        "requirements.txt: 1 package",
    ),
    "pylock.toml": (
        lambda given: {"pylock.toml": pylock(given)},
        "pylock.toml: 2 packages, hashed",
    ),
    "setup.cfg": (
        lambda _: {"setup.cfg": "[options]\ninstall_requires =\n  greeting<2\n"},
        "setup.cfg: 1 package",
    ),
    "group": (
        lambda _: {
            "pyproject.toml": APPLICATION + '[dependency-groups]\nmore = ["greeting<2", "extra"]\n'
        },
        "pyproject.toml: 2 packages",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_gets_what_it_says(versioned: Versioned, wheelhouse: Path, kind: str) -> None:
    files, words = KINDS[kind]
    beside = files(wheelhouse)
    block = beside.pop("block", "")
    write(versioned.source, beside)
    versioned.write("one")
    main = versioned.source / "main.py"
    main.write_text(block + main.read_text())
    given: dict[str, Any] = {"wheelhouse": str(wheelhouse)}
    if kind in ("group", "pylock.toml"):
        given["extras"] = ["more"]
    run = versioned.player.role(**versioned.variables(**given))
    assert said(run) == words
    assert versioned.serves() == "one"
    assert imported(versioned) == "1.0"
    if "extras" in given:
        assert imported(versioned, "extra") == "1.0"


def test_a_lock_of_poetry_is_read_by_poetry(
    versioned: Versioned, wheelhouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What Poetry 1.8 and 2 write, by a stand-in: it marks what the host has to answer.
    export = (
        f'greeting==1.0 ; python_version >= "3.9" \\\n    --hash=sha256:{hash_of(wheelhouse)}\n'
        f'missing==1.0 ; sys_platform == "win32" --hash=sha256:{"0" * 64}\n'
    )
    write(tmp_path / "bin", {"export": export, "poetry": f"#!/bin/sh\ncat {tmp_path}/bin/export\n"})
    (tmp_path / "bin" / "poetry").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=":")
    write(
        versioned.source,
        {
            "pyproject.toml": '[tool.poetry]\nname = "shop"\npackage-mode = false\n'
            '[tool.poetry.dependencies]\npython = "^3.9"\ngreeting = "*"\n',
        },
    )
    assert "run 'poetry lock' there" in versioned.deploy("one").message
    write(versioned.source, {"poetry.lock": "package = []\n"})
    run = versioned.deploy("one", wheelhouse=str(wheelhouse))
    assert said(run) == "poetry.lock: 2 packages, hashed"
    assert imported(versioned) == "1.0"


def test_a_file_of_uv_that_begins_with_the_source_itself(
    versioned: Versioned, wheelhouse: Path
) -> None:
    (versioned.source / "main.py").touch()
    write(
        versioned.source,
        {
            "pyproject.toml": BUILD + APPLICATION + 'dependencies = ["greeting"]\n',
            "backend.py": backend("shop"),
            "shop.py": "",
            "requirements.txt": "# This file was autogenerated by uv\n-e .\n"
            f"greeting==1.0 \\\n    --hash=sha256:{hash_of(wheelhouse)}\n    # via shop\n",
        },
    )
    run = versioned.deploy("one", wheelhouse=str(wheelhouse))
    assert said(run) == "requirements.txt: 1 package, hashed"
    assert program_of(versioned, "shop") == "1.0"
    assert imported(versioned) == "1.0"


def test_dynamic_dependencies_and_a_version_from_git(
    versioned: Versioned, wheelhouse: Path, host: Host
) -> None:
    write(
        versioned.source,
        {
            "pyproject.toml": BUILD.replace("[]", '["setuptools-scm"]', 1)
            + '[project]\nname = "shop"\ndynamic = ["version", "dependencies"]\n'
            '[tool.setuptools.dynamic]\ndependencies = {file = ["needs.txt"]}\n',
            "backend.py": backend("shop"),
            "needs.txt": "greeting<2\n",
            "shop.py": "",
        },
    )
    make_wheel(wheelhouse, "9.0", "setuptools_scm")
    assert "takes the version from git, which has none" in versioned.deploy("one").message
    versioned.write("one")
    subprocess.run(["git", "-C", make_repository(versioned.source), "tag", "v3.1"], check=True)
    found = versioned.deploy("one", wheelhouse=str(wheelhouse))
    assert said(found) == "pyproject.toml: 1 package"
    assert program_of(versioned, "shop") == "3.1"
    assert imported(versioned) == "1.0"


def test_a_project_beside_the_source_goes_along_and_restarts_it(
    versioned: Versioned, wheelhouse: Path
) -> None:
    write(
        versioned.source,
        {
            "core/pyproject.toml": f'{BUILD}[project]\nname = "core"\nversion = "1.0"\n'
            'dependencies = ["greeting<2"]\n',
            "core/backend.py": backend("core"),
            "core/core.py": "",
            "requirements.txt": "./core ; os_name == 'posix'\n",
        },
    )
    given = {"wheelhouse": str(wheelhouse), "exclude": ["core"]}
    run = versioned.deploy("one", **given)
    assert said(run) == "requirements.txt: 1 package, with core"
    assert program_of(versioned, "core") == "1.0"
    assert imported(versioned) == "1.0"
    before = versioned.service.pid
    assert versioned.deploy("one", **given).succeeded().changed == []
    write(versioned.source, {"core/core.py": "VERSION = '1.1'\n"})
    versioned.deploy("one", **given).succeeded()
    assert versioned.service.pid != before
    assert program_of(versioned, "core") == "1.1"


def test_what_cannot_be_installed_is_refused_before_anything_is_touched(
    versioned: Versioned, host: Host
) -> None:
    write(versioned.source, {"environment.yml": "name: shop\n"})
    assert (
        "environment.yml is not read; write what it needs from PyPI"
        in versioned.deploy("one").message
    )
    write(versioned.source, {"pyproject.toml": APPLICATION.replace("3.9", "3.99")})
    message = versioned.deploy("one", exclude=["environment.yml"]).message
    assert "python_service_python: /usr/bin/python3 of the host is 3.11" in message
    assert host.run(f"ls -d /opt/{versioned.service.name}").rc != 0


@pytest.mark.parametrize("place", ["requirements", "pip_options"])
def test_a_password_of_an_index_is_seen_by_nobody(
    host: Host, versioned: Versioned, tmp_path: Path, place: str
) -> None:
    files = tmp_path / "index" / "greeting"
    files.mkdir(parents=True)
    make_wheel(files, "1.0")
    gateway = host.check_output("ip route show default").split()[2]
    versioned.deploy("one").succeeded()
    name = versioned.service.name
    with Index(gateway, tmp_path / "index", login="me:s3cr3t").served() as index:
        url = index.url.replace("http://", "http://me:s3cr3t@")
        lines = [f"--index-url {url}", f"--trusted-host {gateway}"]
        given: dict[str, Any] = {"requirements": ["greeting"]}
        if place == "requirements":
            given["requirements"] = [*lines, "greeting"]
        else:
            given["pip_options"] = lines
        index.hold()
        versioned.write("two")
        playbook = versioned.player.role_playbook(**versioned.variables(**given))
        process = versioned.player.start(playbook, "-vvv", "--diff")
        while not index.asked.wait(1):
            assert process.poll() is None, process.communicate()[0]
        # While pip works: the list of processes, and what the service that runs can read.
        for look in (
            "cat /proc/[0-9]*/cmdline | tr '\\0' ' '",
            f"runuser -u {name} -- grep -rs s3cr3t /opt/{name} /opt/{name}/.incoming-*/requirements",
            f"runuser -u {name} -- cat /opt/{name}/.incoming-*/requirements/0.txt",
            f"runuser -u {name} -- cat /opt/{name}/.incoming-*/build/.netrc",
            f"runuser -u {name} -- sh -c 'cat /proc/[0-9]*/environ 2>/dev/null' | tr '\\0' ' '",
        ):
            assert "s3cr3t" not in host.run(look).stdout
        index.release()
        output, _ = process.communicate(timeout=600)
        assert process.returncode == 0, output
        assert "s3cr3t" not in output
    assert imported(versioned) == "1.0"
    assert "s3cr3t" not in host.run(f"grep -rs s3cr3t /opt/{name} /var/lib /etc /tmp /root").stdout
    assert "s3cr3t" not in host.check_output("journalctl --no-pager -o cat")
