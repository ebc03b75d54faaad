"""Press buttons of the demo's page, as a browser would, one request each.

    press_buttons.py http://127.0.0.1:8080 /log/info /raise …

A button may make its request fail, which is an answer too. That nothing answers is an error.
"""

from __future__ import annotations

import sys
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

# The page is on this machine, where no proxy leads.
_OPENER = build_opener(ProxyHandler({}))


def press(address: str, button: str) -> int:
    """Send POST `button` and give the answer's status.

    Raises urllib.error.URLError if nothing answers within ten seconds.
    """
    request = Request(address + button, data=b"", method="POST")  # noqa: S310 -- http, by our own caller
    try:
        with _OPENER.open(request, timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def main(address: str, buttons: list[str]) -> None:
    """Press all `buttons`; an unknown one ends the program with an error."""
    for button in buttons:
        status = press(address, button)
        print(button, status)
        if status == 404:
            sys.exit(f"the demo has no button {button}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
