"""A listening socket whose descriptor other processes share."""

from __future__ import annotations

import select
import socket

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from typing import Any


class Listener(socket.socket):
    """One that waits for a connection also where its descriptor does not.

    Whether a descriptor blocks is one flag for all processes that share it, and an event
    loop in another process depends on it.
    """

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection, as `socket.socket` does; another process may be faster."""
        while True:
            try:
                return super().accept()
            except BlockingIOError:
                if self.gettimeout() is not None:
                    raise  # the program wants it so
                ready = select.poll()
                ready.register(self, select.POLLIN)
                ready.poll()
