"""Users of a chat over pub/sub: every message has to reach everybody once, and in order."""

from __future__ import annotations

import itertools
import re
import secrets
import time
from typing import TYPE_CHECKING

from locust import tag, task

from loadtest._deeds import typed
from loadtest._user import COMMIT_SECONDS, FletUser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtest._tree import Control

_MESSAGE = re.compile(r"\bload-([0-9a-f]{8})-(\d+)-(\d+)\b")
_SEND = re.compile(r"send|post|submit|say", re.IGNORECASE)
_FIELDS = frozenset({"TextField", "CupertinoTextField"})


class ChatUser(FletUser):
    """Writes numbered messages into the first text field it finds, and reads those of all.

    A message is ``load-SENDER-NUMBER-MILLISECONDS``. The numbers of each sender must go on by one; the page
    may forget old ones.
    """

    optional = True

    def visit(self) -> None:
        """Open the page, and read it from now on."""
        self.me, self.mine = secrets.token_hex(4), itertools.count(1)
        self.said = 0
        self.heard: dict[str, int] = {}
        self.twice: dict[str, int] = {}
        super().visit()
        session = self.session
        session.heard = lambda: self.read(session.page.reachable())

    @tag("chat")
    @task
    def say(self) -> None:
        """Write a message, and wait until it is on the own page."""
        if not self.ready():
            return
        field = next((c for c in self.session.page.reachable() if c.type in _FIELDS), None)
        if field is None or not self.session.connected:
            self.report.note(self.session.kind, "nothing to write into")
            return
        number, began = next(self.mine), time.perf_counter()
        text = f"load-{self.me}-{number}-{time.time() * 1000:.0f}"
        if self.session.send([*typed(self.session.page, field, text), *self.sent(field, text)]) is None:
            return
        self.said = number
        # The field shows it at once; what counts is the line that comes back.
        if self.session.wait(lambda: self.heard.get(self.me, 0) >= number, COMMIT_SECONDS):
            self.report.timing(self.session.kind, "event to own message", time.perf_counter() - began)
        elif not self.session.ended:
            self.report.fault("lost event", f"the own message {text} did not come back")

    def settle(self, seconds: float) -> None:
        """Wait for the last message too."""
        session = getattr(self, "session", None)
        if session is not None and not session.ended:
            last = self.said
            if not session.wait(lambda: self.heard.get(self.me, 0) >= last, min(seconds, 5.0)):
                self.report.fault("lost event", f"the own message {last} did not come back")
        super().settle(seconds)

    def sent(self, field: Control, text: str) -> Iterator[bytes]:
        """Yield what sends the message off: the Enter key, or a button that says so."""
        page = self.session.page
        if field.listens("submit"):
            yield page.event(field, "submit", text)
            return
        for control in page.reachable():
            if control.listens("click") and any(_SEND.search(label) for label in control.labels()):
                yield page.event(control, "click")
                return

    def read(self, controls: Iterator[Control]) -> None:
        """Look at all messages on the page."""
        found: dict[str, list[int]] = {}
        for control in controls:
            value = control.get("value") if control.type not in _FIELDS else None
            message = _MESSAGE.search(value) if isinstance(value, str) else None
            if message is not None:
                found.setdefault(message[1], []).append(int(message[2]))
                self._time(message)
        for sender, numbers in found.items():
            self._judge(sender, numbers)

    def _time(self, message: re.Match[str]) -> None:
        if message[1] != self.me and int(message[2]) > self.heard.get(message[1], 0) > 0:
            late = time.time() - int(message[3]) / 1000
            self.report.timing(self.session.kind, "message from others", max(late, 0.0))

    def _judge(self, sender: str, numbers: list[int]) -> None:
        known = self.heard.get(sender, 0)
        twice = len(numbers) - len(set(numbers))
        if (more := twice - self.twice.get(sender, 0)) > 0:
            self.report.fault("doubled event", f"messages {numbers[-5:]} of {sender} on one page", more)
        self.twice[sender] = twice
        expected = known + 1 if known else numbers[0]
        new = sorted({number for number in numbers if number >= expected})
        if new:
            missing = new[-1] - expected + 1 - len(new)
            if missing:
                self.report.fault("lost event", f"of {sender} came {new[-5:]} after {known}", missing)
            self.heard[sender] = new[-1]
