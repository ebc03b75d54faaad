# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Pack a source, send it as one archive, and have the host make a release of it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

_ROLE = Path(__file__).resolve().parent.parent
if str(_ROLE / "module_utils") not in ansible.module_utils.__path__:
    # Ansible sends a role's module_utils to hosts, but does not import them here.
    ansible.module_utils.__path__.append(str(_ROLE / "module_utils"))

from ansible.module_utils.python_service_host import Layout
from ansible.module_utils.python_service_source import Source, SourceError, pack, scan


class ActionModule(ActionBase):  # type: ignore[misc]
    """The controller's half of `library/python_service_publish.py`."""

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        arguments = self._task.args
        release = arguments["release"]
        path = Layout(arguments["root"], arguments["name"]).release(release["id"])
        if not arguments["missing"]:
            return {**result, "changed": False, "path": path}
        if self._task.check_mode:
            return {**result, "changed": True, "path": path}
        try:
            source = scan(arguments["src"], arguments["exclude"])
            if source.digest != release["source"]:
                raise SourceError(f"{arguments['src']} changed during the deploy; deploy again")
            handler = scan(str(_ROLE / "files"), ["__pycache__"])
            return {**result, **self._publish(source, handler, task_vars or {})}
        except SourceError as error:
            raise AnsibleActionFail(f"python_service_src: {error}") from error

    def _publish(
        self, source: Source, handler: Source, task_vars: dict[str, Any]
    ) -> dict[str, Any]:
        self._make_tmp_path()
        try:
            remote = self._connection._shell.join_path(
                self._connection._shell.tmpdir, "release.tar.gz"
            )
            with tempfile.NamedTemporaryFile(prefix="python_service-", suffix=".tar.gz") as archive:
                pack({"app": source, "handler": handler}, archive.file)
                archive.flush()
                self._transfer_file(archive.name, remote)
            published: dict[str, Any] = self._execute_module(
                module_name="python_service_publish",
                module_args={
                    **{key: self._task.args[key] for key in ("name", "root", "release")},
                    "archive": remote,
                },
                task_vars=task_vars,
            )
            return published
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)
