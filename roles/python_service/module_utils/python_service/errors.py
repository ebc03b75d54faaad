# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The one error that a user of the role meets."""

from __future__ import annotations

from typing import Any


class ServiceError(Exception):
    """What is wrong, where, and what to do, as one text for a person.

    ``facts`` are what a module returns beside the message.
    """

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts = facts
