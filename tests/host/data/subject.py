"""Waits: what the tests want is the environment that comes with a service."""

import signal

signal.pause()
