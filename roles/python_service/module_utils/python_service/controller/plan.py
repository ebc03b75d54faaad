# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The plan of a deploy: which release the variables mean, and what a host is asked about it."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import ServiceError
from ..foreign import printable
from ..model import PARTS, Release, release_to_json
from ..source import Source, readable, short_text
from .configuration import CONFIGURATION_DIRECTORY, source_of
from .contents import Contents, gather
from .release import describe, prepare_problems, process_problems
from .revision import revision
from .run_cache import RunCache
from .secrets import packed, program_problems
from .settings import Settings, settings_of
from .zipped import zipped_problems

#: Lines of a diff's list of files.
MOST_LISTED = 50


class Plan(NamedTuple):
    """A release that is to be deployed, with what it is made of."""

    settings: Settings
    contents: Contents
    release: Release


def plan(arguments: Mapping[str, Any], by: str, cache: RunCache) -> Plan:
    """The plan for arguments that `validation.validate` gave; ``by`` is who asks.

    Raises `ServiceError` for what could not become a release.
    """
    settings = settings_of(arguments)
    with cache.digests() as known:
        contents = gather(settings, known, cache)
    found = [
        *(text for process in settings.processes for text in process_problems(process, contents)),
        *prepare_problems(settings, contents),
        *program_problems(settings, contents),
        *(zipped_problems(settings, contents.zipped) if contents.zipped else []),
    ]
    if found:
        # Instances of a process have the same.
        raise ServiceError("\n".join(dict.fromkeys(found)))
    now = datetime.datetime.now(datetime.timezone.utc)
    origin = {
        "created": now.isoformat(timespec="seconds"),
        "by": by,
        "revision": revision(contents.source.root) if contents.source else None,
        "requirements": contents.said,
    }
    return Plan(settings, contents, describe(settings, contents, origin))


def deploy_options(
    planned: Plan, arguments: Mapping[str, Any], parts: Sequence[str] = PARTS
) -> dict[str, Any]:
    """What the modules that look at and make these parts of a deploy are given."""
    return {
        "name": planned.settings.layout.name,
        "root": planned.settings.layout.root,
        "release": release_to_json(planned.release),
        "user": planned.settings.user,
        "group": planned.settings.group,
        "state": arguments["state"],
        "enabled": arguments["enabled"],
        "keep_releases": arguments["keep_releases"],
        "parts": [*parts],
        "secrets": packed(arguments["secrets"]),
    }


def look_options(
    planned: Plan, arguments: Mapping[str, Any], parts: Sequence[str] = PARTS, *, diff: bool
) -> dict[str, Any]:
    """What the module `python_service_look` is given; with ``diff``, the release's files as well."""
    contents = planned.contents
    sources = {"app": contents.source or Source("", ()), "etc": source_of(contents.files)}
    files = {
        part: {path: entry.content for path, entry in source.files.items()}
        for part, source in sources.items()
    }
    return {**deploy_options(planned, arguments, parts), "files": files if diff else None}


def stages(outcome: Mapping[str, Any]) -> bool:
    """Whether a deploy that would have this outcome needs what the release is made of."""
    return any(step.startswith("stage ") for step in outcome["steps"])


def gathers(planned: Plan, found: Mapping[str, Any]) -> bool:
    """Whether the controller gathers wheels for a host, of which `python_service_look` told ``found``."""
    wanted = found.get("lacks_venv") or planned.contents.pip.projects
    return bool(
        planned.settings.gather_wheels
        and stages(found["outcome"])
        and planned.contents.installs
        and wanted
    )


def files_diff(contents: Contents, changes: Mapping[str, Any]) -> list[dict[str, str]]:
    """What Ansible shows of changes in the source and in the configuration files.

    For each of them a list of files, then the texts of some.
    """
    source, etc = contents.source, changes["etc"]

    def of_source(path: str) -> str | None:
        return short_text(os.path.join(source.root, source.files[path].path)) if source else None

    # A new one is shown as well, since it is what templates have made.
    new = dict.fromkeys(etc["added"][:MOST_LISTED], "")
    etc = {**etc, "texts": {**new, **etc["texts"]}}
    return [
        *_diff("", changes["app"], of_source),
        *_diff(
            f"${CONFIGURATION_DIRECTORY}/",
            etc,
            lambda path: readable(contents.files[path].encode()),
        ),
    ]


def _diff(
    where: str, changes: Mapping[str, Any], after: Callable[[str], str | None]
) -> Iterator[dict[str, str]]:
    """The changes below one directory; ``after`` is the new text of a file, where it is one to show."""
    listed = [
        f"{sign} {where}{printable(path)}"
        for sign, kind in (("+", "added"), ("~", "changed"), ("-", "removed"))
        for path in changes[kind]
    ]
    if not listed:
        return
    more = len(listed) - MOST_LISTED
    if more > 0:
        listed[MOST_LISTED:] = [f"… and {more} more"]
    yield {"prepared": "\n".join(["files (+ added, ~ changed, - removed)", *listed]) + "\n"}
    for path, old in changes["texts"].items():
        name = f"{where}{printable(path)}"
        new = "" if path in changes["removed"] else after(path)
        if old is None or new is None:
            yield {"prepared": f"{name}: not shown, since it is long or no text\n"}
        else:
            texts = {"before": printable(old), "after": printable(new)}
            yield {"before_header": name, "after_header": name, **texts}
