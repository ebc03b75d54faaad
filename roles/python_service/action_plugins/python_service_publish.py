# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Pack the parts of a release, send them as one archive, and have the host make it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

_UTILITIES = str(Path(__file__).resolve().parent.parent / "module_utils")
if _UTILITIES not in ansible.module_utils.__path__:
    # Ansible sends a role's module_utils to hosts, but does not import them here.
    ansible.module_utils.__path__.append(_UTILITIES)

from ansible.module_utils.python_service_host import Layout
from ansible.module_utils.python_service_manual import ROLE
from ansible.module_utils.python_service_parts import PartsError, gather, pack_parts
from ansible.module_utils.python_service_source import Source, SourceError


class ActionModule(ActionBase):  # type: ignore[misc]
    """The controller's half of `library/python_service_publish.py`.

    With ``async``, the host works in the background and Ansible says that it goes on.
    """

    _supports_async = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        arguments = self._task.args
        release = arguments["release"]
        path = Layout(arguments["root"], arguments["name"]).release(release["id"])
        if not arguments["missing"] or self._task.check_mode:
            return {
                **result,
                "changed": bool(arguments["missing"]),
                "finished": 1,
                "path": path,
            }
        try:
            archive = self._send(arguments["inputs"], release)
        except (PartsError, SourceError) as error:
            raise AnsibleActionFail(str(error)) from error
        published: dict[str, Any] = self._execute_module(
            module_name="python_service_publish",
            module_args={
                **{key: arguments[key] for key in ("name", "root", "release")},
                "archive": archive,
            },
            task_vars=task_vars or {},
            wrap_async=self._task.async_val,
        )
        return {**result, **published}

    def _send(self, inputs: dict[str, Any], release: dict[str, Any]) -> str:
        """Put the archive into a temporary directory on the host; returns its path there."""
        parts = gather(inputs, ROLE / "files")
        if (parts.source or Source("", ())).digest != release["source"]:
            raise SourceError(f"{inputs['src']} changed during the deploy; deploy again")
        self._make_tmp_path()
        shell = self._connection._shell
        remote: str = shell.join_path(shell.tmpdir, "release.tar.gz")
        with tempfile.NamedTemporaryFile(prefix="python_service-", suffix=".tar.gz") as archive:
            pack_parts(parts, archive.file)
            archive.flush()
            self._transfer_file(archive.name, remote)
        return remote
