"""Whether journald is at the other end of a descriptor.

Source: systemd.exec(5), ``$JOURNAL_STREAM``.
"""

from __future__ import annotations

import os


def under_journald(fd: int) -> bool:
    """Say whether *fd* is the stream that systemd connected to the journal.

    ``$JOURNAL_STREAM`` alone does not tell: children inherit it when their output goes
    elsewhere. It holds ``device:inode`` of the stream, in decimal, and is compared
    with those of *fd*. A closed descriptor is not the journal.
    """
    journal_stream = os.environ.get("JOURNAL_STREAM")
    if not journal_stream:
        return False
    try:
        status = os.fstat(fd)
    except OSError:
        return False
    return journal_stream == f"{status.st_dev}:{status.st_ino}"
