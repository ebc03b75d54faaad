# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Commands that run on one host of a play alone: on the one that comes first.

Ansible works at hosts in processes of their own, some at once and some later,
and none of them knows of the others but by the run's cache.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ServiceError
from ..model import Release
from ..source import combined_digest
from .run_cache import RunCache

#: Deploys to this host; with ``elsewhere``, as the module `python_service_deploy` has it.
Deploy = Callable[..., "dict[str, Any]"]


def turn_of(release: Release, variables: Mapping[str, Any]) -> str:
    """Name of what the hosts of a play tell each other about the commands of a release."""
    play = json.dumps(sorted(variables.get("ansible_play_hosts_all", [])))
    return f"{release.id}-prepared-{combined_digest([play])[:12]}"


def first_come(cache: RunCache, name: str, host: str, deploy: Deploy) -> dict[str, Any]:
    """Deploy with the commands where this host is the first; else wait for that one, and take its word.

    Where the first one failed, this one does as well, for the same reason. Where
    its process on the controller was killed, this one is the first.
    """
    ours: list[dict[str, Any] | ServiceError] = []

    def deploy_here() -> str:
        try:
            ours.append(deploy())
        except ServiceError as error:
            ours.append(error)
            return f"on {host}: {error.facts.get('reason', error)}"
        return ""

    told = cache.text(name, deploy_here)
    if not ours:
        return deploy(elsewhere=told)
    (result,) = ours
    if isinstance(result, ServiceError):
        raise result
    return result
