"""What the tests of the controller are about: a service called demo, as it is asked for and made."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from python_service.module_utils.python_service.controller.contents import Contents
from python_service.module_utils.python_service.controller.manual import defaults
from python_service.module_utils.python_service.controller.projects.project import Project
from python_service.module_utils.python_service.controller.release import describe
from python_service.module_utils.python_service.controller.settings import Settings, settings_of
from python_service.module_utils.python_service.controller.validation import validate
from python_service.module_utils.python_service.model import Pip, Release
from python_service.module_utils.python_service.source import FILE, Entry, Source

ORIGIN = {"created": "2026-01-02T03:04:05+00:00", "by": "me@here", "revision": None}
#: What a release is made of, as `release` takes it beside the variables.
MADE_OF = ("code", "handler", "requirements", "wheelhouse", "project", "files")


def given(*left_out: str, **changes: Any) -> dict[str, Any]:
    """The role's variables by names without the prefix, with the role's defaults."""
    named = {"name": "demo", "src": "/srv/demo", "command": "python -m demo", **changes}
    own = {"description": "Demo", "user": named["name"], "group": named["name"]}
    variables = {**defaults("main"), **own, **named}
    return {key: value for key, value in variables.items() if key not in left_out}


def arguments(**changes: Any) -> dict[str, Any]:
    """What an action reads of these variables."""
    return {**validate("main", given(**changes), ()), "directory": "/playbooks"}


def settings(**changes: Any) -> Settings:
    return settings_of(arguments(**changes))


def source(*names: str, content: str = "digest") -> Source:
    """A scanned source of files, of which one that is called run is executable."""
    return Source("/srv/demo", tuple(Entry(name, FILE, name == "run", content) for name in names))


def contents(  # noqa: PLR0913 - what a release is made of
    *names: str,
    code: str = "digest",
    handler: str = "digest",
    requirements: tuple[str, ...] = (),
    wheelhouse: str | None = None,
    project: Project | None = None,
    files: Mapping[str, str] = MappingProxyType({}),
) -> Contents:
    """What a release is made of; ``code``, ``handler`` and ``wheelhouse`` stand for their digests."""
    return Contents(
        source=source(*(names or ("main.py", "run")), content=code),
        project=project,
        requirements=requirements,
        wheelhouse=source("a.whl", content=wheelhouse) if wheelhouse else None,
        handler=source("h.py", content=handler),
        pip=Pip(projects=("app",) if project else ()),
        files=files,
    )


def release(**changes: Any) -> Release:
    """The release of these variables, and of what `contents` takes by the names in `MADE_OF`."""
    made_of = contents(**{key: changes.pop(key) for key in MADE_OF if key in changes})
    return describe(settings(**changes), made_of, ORIGIN)
