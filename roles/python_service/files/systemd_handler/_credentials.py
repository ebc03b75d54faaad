"""The credentials that the service manager gives to this service.

Source: "Credentials" in systemd.exec(5).
"""

from __future__ import annotations

import os


def credential(name: str) -> str:
    """Return the text of the credential *name*, exactly as it was given.

    Credentials are files in ``$CREDENTIALS_DIRECTORY`` that only this service can read;
    ``LoadCredential=`` and ``SetCredential=`` of a unit put them there.

    Raises `ValueError` when *name* is no name of a credential or its bytes are no UTF-8,
    and `LookupError` when the service was given none of this name.
    """
    if not name or "/" in name or "\0" in name or name in (".", ".."):
        raise ValueError(f"credential(): {name!r} is no name of a credential")
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise LookupError(
            f"credential(): no credential {name!r}, because $CREDENTIALS_DIRECTORY is not set; "
            f"give the unit LoadCredential={name}:PATH"
        )
    try:
        with open(os.path.join(directory, name), "rb") as file:
            data = file.read()
    except FileNotFoundError:
        try:
            there = ", ".join(sorted(os.listdir(directory))) or "none"
        except OSError as error:
            there = f"none: {error.strerror}"
        raise LookupError(
            f"credential(): no credential {name!r} in {directory}, which has {there}"
        ) from None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"credential(): {name!r} is no text in UTF-8 ({error.reason} at byte {error.start}); "
            f"read {os.path.join(directory, name)} as bytes"
        ) from None
