"""Credentials as variables of `os.environ`, for programs that read nothing else."""

from __future__ import annotations

import os
import sys

from systemd_handler._credentials import credential


def add_to_environment(names: list[str]) -> None:
    """Add the credentials *names* to `os.environ`.

    They are in this process and those that it forks, and in no environment that the kernel
    knows: ``/proc/PID/environ`` has none of them, and a program that this one starts is only
    given them with an ``env`` that was made of `os.environ`.
    """
    if "CREDENTIALS_DIRECTORY" not in os.environ:
        return  # not the service's own process
    environ = os.environ
    for name in names:
        try:
            value = credential(name)
        except (LookupError, ValueError, OSError) as error:
            sys.stderr.write(f"<3>os.environ has no {name}: {error}\n")
        else:
            # Assigned to os.environ itself, it would be in the environment of each child.
            known = environ._data  # type: ignore[attr-defined] # noqa: SLF001
            known[environ.encodekey(name)] = environ.encodevalue(value)
