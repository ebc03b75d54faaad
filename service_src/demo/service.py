"""What is known about the running service, for whoever shows or reports it."""

from __future__ import annotations

import os
import platform
import queue
import socket
import time

from demo import service_manager
from demo.actions import Action, all_actions
from demo.settings import Settings
from demo.work import Worker


class Service:
    """The running service: its work, its actions and its state."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.worker = Worker()
        # Unlike threading.Event, SimpleQueue.put may be called inside a signal handler.
        self.ends: queue.SimpleQueue[int] = queue.SimpleQueue()
        """Exit statuses that somebody asked for; the first one counts."""
        self.actions = {action.path: action for action in all_actions(self.ends.put)}
        self.unit = service_manager.own_unit() if settings.supervised else None
        self.draining = False
        self._started = time.monotonic()

    @property
    def uptime(self) -> float:
        """Seconds since the service was made."""
        return time.monotonic() - self._started

    @property
    def state(self) -> str:
        """One of "ok", "hung" and "draining"."""
        if self.draining:
            return "draining"
        return "hung" if self.worker.hangs() else "ok"

    def facts(self) -> dict[str, str]:
        """Give what the page shows of this process, by the name shown."""
        return {
            "Release": self.settings.release,
            "Host": socket.gethostname(),
            "PID": str(os.getpid()),
            "Python": platform.python_version(),
            "systemd": self._supervision(),
        }

    def where_to_look(self, action: Action) -> str:
        """Give the command that shows what `action` left behind; empty without a journal."""
        if not self.settings.supervised:
            return ""
        return service_manager.journal_command(self.unit, action.journal_arguments)

    def _supervision(self) -> str:
        if not self.settings.supervised:
            return "not involved: started by hand"
        unit = f"supervises {self.unit}.service" if self.unit else "supervises it"
        if self.settings.watchdog is None:
            return f"{unit}, without a watchdog"
        return f"{unit}, watchdog {self.settings.watchdog:g} s"
