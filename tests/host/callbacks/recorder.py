"""Writes down all that Ansible tells a callback of a task: its arguments, its variables and its result."""

from __future__ import annotations

import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: recorder
type: notification
short_description: writes all of tasks and results into the file that $RECORD names
description: For a test of what reaches no record.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "recorder"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, what: str, content: Any) -> None:
        with open(os.environ["RECORD"], "a", encoding="utf-8") as file:
            file.write(f"{what} {content!r}\n")

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._write("task", (task.get_name(), task.args, task.vars))

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._write("start", (host, task.args, task.vars))

    def v2_runner_on_ok(self, result: Any) -> None:
        self._write("result", (result._task.args, result._task_fields, result._result))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self.v2_runner_on_ok(result)
