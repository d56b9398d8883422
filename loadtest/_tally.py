"""Exactly once, seen by a user: a counter on the page that must show how often it was asked to count.

The app offers it by two keys: a control ``tally-add`` whose click adds one, and a text ``tally`` that shows the
sum of this session. ``loadtest/_app.py`` has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtest._deeds import Deed
    from loadtest._report import Report
    from loadtest._session import Session

ADD, SUM = "tally-add", "tally"
_SECONDS = 20.0


class Tally:
    """What the counter of one session has to show.

    Attributes:
        sent: clicks that were made.
        sure: those of them whose effect was seen. Over plain Flet a click may be lost with its socket.
    """

    def __init__(self, session: Session, report: Report) -> None:
        self.sent = 0
        self.sure = 0
        self._session = session
        self._report = report

    @staticmethod
    def counts(deed: Deed) -> bool:
        """Whether a deed is a click on the counter."""
        return deed.control.key == ADD

    def shown(self) -> int | None:
        """What the page shows; None while it shows no counter."""
        text = self._session.page.keyed(SUM)
        value = text.get("value") if text is not None else None
        return int(value) if isinstance(value, str) and value.isdigit() else None

    def check(self, seconds: float = _SECONDS) -> None:
        """Report clicks that are missing after a while, and those that came twice."""
        if self.shown() is None or self._session.ended:
            return
        least = self.sent if self._session.exact else self.sure
        self._session.wait(lambda: (self.shown() or 0) >= least, seconds)
        shown = self.shown()
        if shown is None or self._session.ended:
            return
        said = f"the counter shows {shown} after {self.sent} clicks, {self.sure} of them confirmed"
        if shown < least:
            self._report.fault("lost event", said, least - shown)
        elif shown > self.sent:
            self._report.fault("doubled event", said, shown - self.sent)
        # What was reported is not reported again; what may have got lost has not arrived.
        self.sent = self.sure = shown
