"""What all users here have in common. A user opens the app, does things, leaves, and opens it again."""

from __future__ import annotations

import random
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import gevent
from locust import User
from locust.exception import StopTest

from loadtest import _run
from loadtest._deeds import deeds
from loadtest._report import Report
from loadtest._session import Session
from loadtest._tally import Tally

if TYPE_CHECKING:
    from loadtest._deeds import Deed
    from loadtest._tree import Control

OPEN_SECONDS = COMMIT_SECONDS = 30.0
"""Longer than a failover takes."""
BUILD_SECONDS = 3.0
"""An app that has shown nothing to click by then has nothing."""


class FletUser(User):
    """Somebody with the app's page open.

    Attributes:
        optional: takes part only if it is named on the command line, or by a tag of one of its tasks.
        speaks_link: speaks the resumable link where the server knows it; else plain Flet.
    """

    abstract = True
    optional = False
    speaks_link = True
    session: Session
    tally: Tally

    @cached_property
    def report(self) -> Report:
        """Where this user's figures go."""
        return Report(self.environment)

    @property
    def options(self) -> Any:
        """The command line; :mod:`loadtest._run` says what is there."""
        return self.environment.parsed_options

    def wait_time(self) -> float:
        """Return seconds until the next thing: about ``--pause``."""
        return float(self.options.pause) * random.uniform(0.5, 1.5)

    def on_start(self) -> None:
        """Open the page. Raises StopTest when nobody said where it is."""
        if not self.host:
            raise StopTest("Name the app: locust -f loadtest --host http://127.0.0.1:8000")
        self.visit()

    def on_stop(self) -> None:
        """Wait for what is under way, then close the page."""
        self.settle(self.options.settle)
        self.leave()

    def visit(self) -> None:
        """Open the page as somebody new; tries until it comes."""
        while not _run.closing.is_set():
            self.left = self.options.visit
            self.session = Session(str(self.host), self.report, self.answer, link=self.speaks_link)
            self.tally = Tally(self.session, self.report)
            _run.present.add(self)
            if self.session.open(OPEN_SECONDS):
                self.session.wait(lambda: bool(self.choices()), BUILD_SECONDS)
                return
            self.leave()
            why = self.session.ended if self.session.ended != "closed" else self._no_page()
            self.report.failure(self.session.kind, "open page", TimeoutError(why))

    def _no_page(self) -> str:
        trouble = self.session.trouble
        return f"no page in {OPEN_SECONDS:g} s{f', {trouble}' if trouble else ''}"

    def leave(self) -> None:
        """Close the page."""
        _run.present.discard(self)
        if hasattr(self, "session"):
            self.session.close()

    def ready(self) -> bool:
        """Whether there is a page to do something on; opens another one when this one's visit is over."""
        if _run.closing.is_set():
            gevent.sleep(1)
            return False
        self.left -= 1
        if self.session.ended or self.left < 0:
            self.settle(self.options.settle)
            self.leave()
            self.visit()
        return not _run.closing.is_set()

    def settle(self, seconds: float) -> None:
        """Wait until all that was sent is acknowledged and shown; report what is not."""
        session = getattr(self, "session", None)
        if session is None or session.ended:
            return
        session.online.set()
        if not session.wait(lambda: not session.pending, seconds) and not session.ended:
            self.report.fault("lost event", f"not acknowledged within {seconds:g} s", session.pending)
        self.tally.check(min(seconds, 5.0))
        session.close()

    def answer(self, control: Control, name: str, args: dict[str, Any]) -> Any:
        """Answer what the app asks the browser; None for what a browser without ideas of its own says."""
        del args
        return [] if (control.type, name) == ("FilePicker", "pick_files") else None

    def choices(self) -> list[Deed]:
        """Return what can be done on the page now."""
        skip = self.options.skip
        return deeds(self.session.page, re.compile(skip, re.IGNORECASE) if skip else None)

    def labelled(self, label: re.Pattern[str]) -> Deed | None:
        """Return what can be clicked and says something like this."""
        for deed in self.choices():
            if deed.heard and any(label.search(said) for said in deed.control.labels()):
                return deed
        return None

    def perform(self, deed: Deed) -> None:
        """Do one thing, and see what becomes of it."""
        if not deed.heard:
            self.session.send(deed.act())
            return
        session, tally = self.session, self.tally
        if not (session.exact or session.connected):
            return
        counts = tally.counts(deed)
        if counts:
            tally.clicked()
        session.do(deed.act(), COMMIT_SECONDS)
        if counts:
            tally.check()

    def anything(self) -> None:
        """Do one of the things that can be done."""
        if not self.ready():
            return
        found = self.choices()
        if found:
            self.perform(random.choice(found))
        else:
            self.report.note(self.session.kind, "nothing to do")
