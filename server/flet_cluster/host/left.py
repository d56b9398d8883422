"""What code of a session meets that goes on after the session has left this node (layer 3: imports no Flet).

A thread cannot be stopped: its next call to the session fails, as in Flet. Whoever caught that logs it as an
error of the app, with a traceback. It is none: the log says what happened, in a line.
"""

from __future__ import annotations

import logging
from typing import NoReturn


class SessionLeft(RuntimeError):
    """The session is no longer on this node: it moved, or it was closed for good."""


def refuse() -> NoReturn:
    """Stand in for a page's reference to its session. Raises SessionLeft, in Flet's own words."""
    raise SessionLeft("An attempt to fetch destroyed session.")


def shorten(record: logging.LogRecord) -> bool:
    """Make a line of the report of such an error; a filter for loggers. All records pass."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, SessionLeft):
        record.msg = f"{record.getMessage()}: it was cut short, since its session has left this node"
        record.args = None
        record.exc_info = None
        record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
    return True


for _name in ("flet", "flet_cluster.host"):  # Flet's own reports, and those of the host
    logging.getLogger(_name).addFilter(shorten)
