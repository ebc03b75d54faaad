# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The one error that a user of the role meets, and what others are in its words."""

from __future__ import annotations

import traceback
from typing import Any


class ServiceError(Exception):
    """What is wrong, where, and what to do, as one text for a person.

    ``facts`` are what a module returns beside the message.
    """

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts = facts


def reason_of(error: BaseException) -> str:
    """Why something did not end well, in words for a person."""
    if isinstance(error, ServiceError):
        return str(error)
    if isinstance(error, OSError):
        return f"a step failed on the host: {error}"
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" in {frame.name}, line {frame.lineno}" for frame in last)
    return f"a fault of the role itself, please report it: {error!r}{where}"
