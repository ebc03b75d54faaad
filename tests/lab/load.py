"""Ask a server on this machine at a steady rate until standard input ends, and tell what came of each request.

    python3 load.py PORT RATE [--keep] [--far]

RATE is in requests a second, at most 1000. With ``--keep`` each of the clients keeps its
connection as long as the server does, and else makes one for each request. With ``--far`` a request
comes 20 ms after its connection, as over a network; that time does not count. Prints JSON: the
seconds since the epoch at which it began, and for each request when it was due, in seconds from
then, the seconds from then to its end, whether it was sent once more, the answer, None where
there was no good one, and what came instead. A request is sent once more, as any client does (RFC
9112, 9.3.1), where the server closes a kept connection without a word of an answer.

It stands alone, for any Python from 3.9 on.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time

CLIENTS = 16
#: Seconds.
DISTANCE = 0.02
#: Seconds. It guards against hanging alone.
PATIENCE = 60.0


class Client(threading.Thread):
    """Sends every so-manieth request of all."""

    def __init__(self, number: int, port: int, rate: float, keep: bool, distance: float) -> None:
        super().__init__(daemon=True)
        self.told: list[list[object]] = []
        self._number = number
        self._port = port
        self._rate = rate
        self._keep = keep
        self._distance = distance
        self._connection: http.client.HTTPConnection | None = None
        self._on_the_way = 0.0

    def run(self) -> None:
        while not ended.is_set():
            due = self._number / self._rate
            self._number += CLIENTS
            time.sleep(max(began + due - time.monotonic(), 0))
            self._on_the_way = 0.0
            told = self._ask()
            took = time.monotonic() - began - due - self._on_the_way
            self.told.append([due, took, *told])

    def _ask(self) -> tuple[bool, str | None, str]:
        """Whether it was sent twice, the answer, and what came instead."""
        kept, again = self._connection is not None, False
        while True:
            try:
                return again, *self._once()
            except (OSError, http.client.HTTPException) as error:
                self._connection = None
                gone = isinstance(error, (ConnectionError, http.client.RemoteDisconnected))
                if not (kept and gone) or again:
                    return again, None, repr(error)
                again = True

    def _once(self) -> tuple[str | None, str]:
        connection = self._connection or self._connected()
        self._connection = connection if self._keep else None
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        if not self._keep or answer.will_close:
            self._connection = None
            connection.close()
        return (text, "") if answer.status == 200 else (None, f"{answer.status} {text}")

    def _connected(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        connection.connect()
        time.sleep(self._distance)
        self._on_the_way += self._distance
        return connection


if __name__ == "__main__":
    ended = threading.Event()
    given_port, given_rate = int(sys.argv[1]), min(float(sys.argv[2]), 1000.0)
    keeps, is_far = "--keep" in sys.argv, DISTANCE if "--far" in sys.argv else 0.0
    clients = [Client(number, given_port, given_rate, keeps, is_far) for number in range(CLIENTS)]
    began, since = time.monotonic(), time.time()
    for client in clients:
        client.start()
    sys.stdin.read()
    ended.set()
    for client in clients:
        client.join()
    told = sorted(one for client in clients for one in client.told)
    json.dump({"since": since, "requests": told}, sys.stdout)
