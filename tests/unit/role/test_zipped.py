"""A program in one zip archive, as zipapp, shiv and pex make them."""

from __future__ import annotations

import json
import zipapp
import zipfile
from pathlib import Path
from typing import Any

import pytest

from builders import arguments
from python_service.module_utils.python_service.controller.plan import Plan, plan
from python_service.module_utils.python_service.controller.run_cache import RunCache
from python_service.module_utils.python_service.errors import ServiceError

ENV = "/usr/bin/env python3"


def planned(path: Path, command: str, **changes: Any) -> Plan:
    cache = path.parent / "run"
    cache.mkdir(exist_ok=True)
    asked = arguments(src=str(path), command=command, **changes)
    return plan(asked, "me@here", RunCache(str(cache)))


def warned(path: Path, command: str = "", **changes: Any) -> str:
    return "".join(planned(path, command or f"python {path.name}", **changes).contents.warnings)


def archive(directory: Path, name: str, interpreter: str | None = ENV, main: str = "") -> Path:
    source = directory / "unpacked"
    source.mkdir(exist_ok=True)
    (source / "__main__.py").write_text(main)
    zipapp.create_archive(source, directory / name, interpreter)
    return directory / name


def pex(directory: Path, **info: Any) -> Path:
    path = archive(directory, "shop.pex")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("PEX-INFO", json.dumps({"inherit_path": "false", **info}))
    return path


@pytest.mark.parametrize("name", ["shop.pyz", "shop.pex", "shop"])
def test_it_is_shipped_as_the_one_file_that_it_is_and_runs_both_ways(
    tmp_path: Path, name: str
) -> None:
    path = archive(tmp_path, name)
    path.chmod(0o644)
    one, other = (planned(path, f"{way}{name}") for way in ("python ", "./"))
    assert one.contents.source == other.contents.source
    assert one.contents.source
    assert [(entry.path, entry.executable) for entry in one.contents.source.entries] == [
        (name, True)
    ]
    assert not one.contents.installs
    assert one.contents.warnings == other.contents.warnings == ()


def test_another_file_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "shop-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("shop.py", "")
    (tmp_path / "program").write_text("#!/bin/sh\n")
    for path in (wheel, tmp_path / "program"):
        with pytest.raises(ServiceError, match=r"is neither a \.py file nor a zip archive with a "):
            planned(path, f"./{path.name}")


def test_a_command_that_names_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"^python_service_command: shop is not in the source"):
        planned(archive(tmp_path, "shop.pyz"), "python shop")


def test_one_that_cannot_be_run_by_its_path_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, "shop.pyz", None)
    planned(path, "python shop.pyz")
    with pytest.raises(
        ServiceError,
        match=r"^python_service_command: \./shop\.pyz .* python3; write 'python shop\.pyz'$",
    ):
        planned(path, "./shop.pyz")


def test_what_it_needs_is_in_it(tmp_path: Path) -> None:
    path = archive(tmp_path, "shop.pyz", main="# /// script\n# dependencies = ['a']\n# ///\n")
    assert not planned(path, "python shop.pyz").contents.installs
    more = planned(path, "python shop.pyz", requirements=["greeting"]).contents
    assert more.requirements == ("greeting\n",)


class TestWhereTheHandlerIsNotFound:
    """What keeps it out is said, with what to write."""

    def test_an_interpreter_of_the_hosts_in_the_first_line(self, tmp_path: Path) -> None:
        path = archive(tmp_path, "shop.pyz", "/usr/bin/python3 -s")
        said = warned(path, "./shop.pyz")
        assert said.startswith("python_service_logging: shop.pyz begins with #!/usr/bin/python3 -s")
        assert said.endswith("write 'python shop.pyz' as the command")
        assert warned(path, "python shop.pyz") == ""
        assert warned(path, "./shop.pyz", logging="off") == ""

    def test_a_pex_finds_nothing_beside_itself(self, tmp_path: Path) -> None:
        path = pex(tmp_path)
        said = warned(path)
        assert said.startswith("python_service_logging: shop.pex is a pex, which hides ")
        assert "; write PEX_INHERIT_PATH: fallback into python_service_environment, or " in said
        assert warned(path, environment={"PEX_INHERIT_PATH": "fallback"}) == ""
        assert warned(path, environment={"PEX_INHERIT_PATH": "false"}) == said
        assert warned(path, logging="off") == ""

    def test_a_pex_that_makes_a_venv_of_itself(self, tmp_path: Path) -> None:
        path = pex(tmp_path, venv=True, inherit_path="fallback")
        said = warned(path)
        assert "write PEX_INHERIT_PATH: fallback and PEX_VENV: 0 into " in said
        assert warned(path, environment={"PEX_VENV": 0}) == ""

    @pytest.mark.parametrize(
        "info",
        [
            {"inherit_path": "prefer"},
            {"distributions": {"systemd_handler-0.1.0-py3-none-any.whl": "0"}, "venv": True},
        ],
    )
    def test_a_pex_that_has_it_or_looks_for_it(self, tmp_path: Path, info: dict[str, Any]) -> None:
        assert warned(pex(tmp_path, **info)) == ""

    @pytest.mark.parametrize("text", ["[]", "no json"])
    def test_a_pex_that_says_nothing_of_itself(self, tmp_path: Path, text: str) -> None:
        path = archive(tmp_path, "shop.pex")
        with zipfile.ZipFile(path, "a") as file:
            file.writestr("PEX-INFO", text)
        assert "shop.pex is a pex" in warned(path)
