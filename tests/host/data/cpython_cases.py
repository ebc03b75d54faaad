"""CPython's own tests of `logging`, with `SystemdHandler` wherever they take a `StreamHandler`.

    python3 cpython_cases.py

Runs on a host, beside the test_logging.py of the Python that runs it. Ends with 1 when a case
fails, and when one passes that only `StreamHandler` itself can pass.
"""

from __future__ import annotations

import importlib
import logging
import unittest

from systemd_handler import SystemdHandler

#: Cases that no other class can pass. That they fail shows that the class was replaced.
OF_THE_CLASS = [
    "MiscTestCase.test__all__",  # the class comes from the module logging
    "StreamHandlerTest.test_can_represent_stream_with_int_name",  # its repr has its name
]

#: Cases that are left out, and why.
LEFT_OUT = {
    "HTTPHandlerTest.test_output": "needs CPython's certificates, and HTTPHandler has no stream",
    "HandlerTest.test_race": "ten seconds of WatchedFileHandler, which is no SystemdHandler",
    "SocketHandlerTest.test_noserver": "waits for a server that SystemdHandler does not have",
}


def replace_stream_handler() -> None:
    """Make `SystemdHandler` what `logging`, its configuration and the tests know by the name.

    `FileHandler` is a subclass of the class that was there, and calls its methods by that name,
    so it has to know it by another.
    """
    vars(logging)["_StreamHandler"] = logging.StreamHandler
    methods = (logging.FileHandler.__init__, logging.FileHandler.close, logging.FileHandler.emit)
    for method in methods:
        names = method.__code__.co_names
        names = tuple("_StreamHandler" if name == "StreamHandler" else name for name in names)
        method.__code__ = method.__code__.replace(co_names=names)
    vars(logging)["StreamHandler"] = SystemdHandler


def main() -> None:
    """Run the cases."""
    replace_stream_handler()
    cases = importlib.import_module("test_logging")
    for name in OF_THE_CLASS:
        case, _, method = name.partition(".")
        unittest.expectedFailure(getattr(getattr(cases, case), method))
    for name, reason in LEFT_OUT.items():
        case, _, method = name.partition(".")
        skipped = unittest.skip(reason)(getattr(getattr(cases, case), method))
        setattr(getattr(cases, case), method, skipped)
    unittest.main(cases, warnings="ignore")


# Processes that the cases start import this file once more.
if __name__ == "__main__":
    main()
