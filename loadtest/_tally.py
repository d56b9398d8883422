"""Exactly once, seen by a user: a counter on the page that must show how often it was asked to count.

The app offers it by two keys: a control ``tally-add`` whose click adds one, and a text ``tally`` that shows
the sum of this session. ``loadtest/_app.py`` has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtest._deeds import Deed
    from loadtest._report import Report
    from loadtest._session import Session

ADD, SUM = "tally-add", "tally"
_SECONDS = 20.0
"""A click that is committed and not shown by then is lost."""


class Tally:
    """What the counter of one session has to show.

    Attributes:
        clicks: how often it was clicked, less what may have got lost with a socket of plain Flet's.
        doubtful: how many were taken off so: they may still show.
    """

    def __init__(self, session: Session, report: Report) -> None:
        self.clicks = self.doubtful = 0
        self._session = session
        self._report = report
        self._sockets = 0

    @staticmethod
    def counts(deed: Deed) -> bool:
        """Whether a deed is a click on the counter."""
        return deed.control.key == ADD

    def shown(self) -> int | None:
        """What the page shows; None while it shows no counter."""
        text = self._session.page.keyed(SUM)
        value = text.get("value") if text is not None else None
        return int(value) if isinstance(value, str) and value.isdigit() else None

    def clicked(self) -> None:
        """Expect one more. Over plain Flet that is certain only as long as the socket stays."""
        self.clicks += 1
        self._sockets = self._session.sockets

    def check(self, seconds: float = _SECONDS) -> None:
        """Report clicks that are missing after a while, and those that came twice."""
        if self.shown() is None or self._session.ended:
            return
        self._session.wait(lambda: (self.shown() or 0) >= self.clicks or not self._certain, seconds)
        shown = self.shown()
        if shown is None or self._session.ended:
            return
        missing, self.clicks = self.clicks - shown, shown  # what was reported is not reported again
        said = f"the counter shows {shown} after {shown + missing} clicks"
        if missing > 0 and self._certain:
            self._report.fault("lost event", said, missing)
        elif missing > 0:
            self.doubtful += missing
        elif missing < 0:
            came = min(self.doubtful, -missing)
            self.doubtful -= came
            self._report.fault("doubled event", said, -missing - came)

    @property
    def _certain(self) -> bool:
        session = self._session
        return session.exact or (session.connected and session.sockets == self._sockets)
