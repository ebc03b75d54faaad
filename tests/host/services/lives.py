"""Starts slowly, dies early, hangs when it is told to, or crashes on and on."""

import os
import pathlib
import signal
import sys
import threading
import time

from systemd_handler import notify

LOCK = threading.Lock()


def wait_for_ever(*_):
    with LOCK, LOCK:
        pass


def another_thread():
    threading.Event().wait()


def slowly():
    for _ in range(12):
        notify(EXTEND_TIMEOUT_USEC=5_000_000)
        time.sleep(0.5)


threading.Thread(target=another_thread, daemon=True).start()
signal.signal(signal.SIGUSR1, wait_for_ever)
if pathlib.Path(os.environ["STATE_DIRECTORY"], "crash").exists():
    sys.exit("crashed")
if sys.argv[1] == "slowly":
    slowly()
notify(READY=1)
if sys.argv[1] == "briefly":
    time.sleep(0.3)
    sys.exit("died early")
while True:
    notify(WATCHDOG=1)
    time.sleep(0.2)
