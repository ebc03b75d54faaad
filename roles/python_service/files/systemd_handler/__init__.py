"""Logging for Python programs that run under systemd.

The journal reads what a service prints: ``<3>`` at the start of a line makes it
an error, and the end of the line ends the entry. This package writes log records
in that form, one entry each, and turns to plain readable lines wherever the
journal does not listen::

    import logging
    import systemd_handler

    systemd_handler.install(logging.INFO)
    logging.getLogger(__name__).warning("disk %s is nearly full", "sda1")

Standard library only, Python 3.9 and later.
Sources: sd-daemon(3), systemd.exec(5), sd_notify(3), sd_listen_fds(3).
"""

from systemd_handler._imported import when_imported
from systemd_handler._levels import ALERT, EMERGENCY, NOTICE, name_levels

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from systemd_handler._context import context
    from systemd_handler._credentials import credential
    from systemd_handler._formatter import ExtraFormatter
    from systemd_handler._handler import SystemdHandler
    from systemd_handler._hybrid import HybridHandler
    from systemd_handler._install import install
    from systemd_handler._native import NativeHandler
    from systemd_handler._notify import notify
    from systemd_handler._sockets import listen_sockets
else:
    # Loaded when somebody asks for it: a process under `auto` may need none of it.
    _MODULES = {
        "ExtraFormatter": "_formatter",
        "HybridHandler": "_hybrid",
        "NativeHandler": "_native",
        "SystemdHandler": "_handler",
        "context": "_context",
        "credential": "_credentials",
        "install": "_install",
        "listen_sockets": "_sockets",
        "notify": "_notify",
    }

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if name == "notify":  # whoever takes it says READY=1, at the right moment
            from systemd_handler import _ready

            _ready.said()
        module = __import__(f"systemd_handler.{_MODULES[name]}", fromlist=[name])
        value = getattr(module, name)
        globals()[name] = value
        return value


__all__ = [
    "ALERT",
    "EMERGENCY",
    "NOTICE",
    "ExtraFormatter",
    "HybridHandler",
    "NativeHandler",
    "SystemdHandler",
    "context",
    "credential",
    "install",
    "listen_sockets",
    "notify",
]

when_imported("logging", name_levels)
