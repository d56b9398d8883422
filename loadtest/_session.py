"""One page load over any number of sockets, in two greenlets: the user's, and one that reads."""

from __future__ import annotations

import logging
import random
import time
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING

import gevent
import requests
from gevent.event import Event
from gevent.lock import RLock

from flet_cluster.errors import ProtocolError
from flet_cluster.protocol.close import ClientAction, CloseCode, action
from loadtest._page import Crashed, Page
from loadtest._place import Closed, Socket, brief, socket_url
from loadtest._speech import SUBPROTOCOL, Ended, LinkSpeech, PlainSpeech

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from loadtest._report import Report
    from loadtest._tree import Control

logger = logging.getLogger(__name__)

_FIRST_JITTER, _BACKOFF, _BACKOFF_CAP, _LATER = 0.2, 0.5, 15.0, 1.0
"""Pauses between two sockets, in seconds, as ``resume.js`` makes them."""
_ACK_DELAY, _PING_IDLE, _PING_WAITING = 0.3, 12.0, 2.0
_QUIET = 0.3
"""What still comes after a commit is waited for so long."""
_complained: set[type[Exception]] = set()
_DAMAGE = (LookupError, TypeError, ValueError, AttributeError)


class Session:
    """A page that is open. Its sockets come and go.

    Args:
        app: the app's address.
        report: receives what happens.
        answer: see :class:`~loadtest._page.Page`.
        link: whether to speak the link where the server knows it.

    Attributes:
        cookies: of this browser.
        ended: why the session is over, if it is.
        heard: called after everything that came.
        online: cleared while there is no network.
        sockets: how many there have been.
        trouble: what stood in the way of the page when it was tried last.
    """

    def __init__(
        self,
        app: str,
        report: Report,
        answer: Callable[[Control, str, dict[str, object]], object],
        *,
        link: bool,
    ) -> None:
        self.page = Page(answer)
        self.cookies: SimpleCookie = SimpleCookie()
        self.ended = ""
        self.heard: Callable[[], None] = lambda: None
        self.online = Event()
        self.online.set()
        self._app = app
        self._report = report
        self._link = link
        self._speech: LinkSpeech | PlainSpeech | None = None
        self._socket: Socket | None = None
        self._sending = RLock()
        self._news = Event()
        self._lost_at = 0.0
        self._failures = 0
        self.sockets = 0
        self.trouble = ""
        self._acking = False
        self._runner: gevent.Greenlet | None = None

    @property
    def kind(self) -> str:
        """``link`` or ``plain``, once that is known."""
        wanted = "link" if self._link else "plain"
        return self._speech.kind if self._speech is not None else wanted

    @property
    def exact(self) -> bool:
        """Whether one can know of each event if it arrived."""
        return self._speech is not None and self._speech.exact

    @property
    def pending(self) -> int:
        """How many packets the server has not acknowledged."""
        return self._speech.pending if self._speech is not None else 0

    @property
    def connected(self) -> bool:
        """Whether what is sent now goes out now."""
        return self._socket is not None and self._speech is not None and self._speech.back

    # what the user does

    def open(self, seconds: float) -> bool:
        """Connect, register and wait for the page; returns whether it came in time."""
        began = time.perf_counter()
        self._runner = gevent.spawn(self._run)
        if not self.wait(lambda: self.page.registered and any(self.page.reachable()), seconds):
            return False
        self._report.timing(self.kind, "open page", time.perf_counter() - began)
        return True

    def send(self, packets: Iterable[bytes]) -> int | None:
        """Send packets; returns the number of the last, None if they cannot be sent."""
        speech = self._speech
        if self.ended or speech is None or not (speech.exact or self.connected):
            return None
        number = 0
        with self._sending:
            for packet in packets:
                number = speech.send(packet)
        self._flush()
        return number

    def do(self, packets: Iterable[bytes], seconds: float) -> bool:
        """Send an event and wait for what it changes; reports how long that took.

        Out: whether the event has had an effect for sure.
        """
        began, speech, sockets = time.perf_counter(), self._speech, self.sockets
        whole = self.connected
        number = self.send(packets)
        if number is None or speech is None:
            return False
        if speech.exact:
            taken = self.wait(lambda: speech.taken(number), seconds)
            committed = time.perf_counter()
            shown = taken and self.wait(lambda: speech.answered(number), _QUIET)
        else:
            shown = taken = self.wait(lambda: speech.answered(number) or not self.connected, 1.0)
            committed = time.perf_counter()
        took = time.perf_counter() - began
        across = "" if whole and sockets == self.sockets else " across a resume"
        if shown and speech.answered(number):
            self._report.timing(self.kind, f"event to patch{across}", took)
        elif taken and speech.exact:
            self._report.timing(self.kind, f"event without patch{across}", committed - began)
        elif not speech.exact:
            self._report.note(self.kind, "event without patch")
        elif not self.ended:
            self._report.failure(self.kind, "event to patch", TimeoutError(f"no commit in {seconds:g} s"))
        return bool(shown) and speech.answered(number)

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is so, looking whenever something comes; returns whether it is."""
        until = time.perf_counter() + seconds
        while not condition():
            left = until - time.perf_counter()
            if left <= 0 or self.ended:
                return condition()
            self._news.clear()
            self._news.wait(left)
        return True

    def cut(self) -> None:
        """Lose the socket, without a word."""
        if self._socket is not None:
            self._socket.cut()

    def reappear(self) -> None:
        """Have a network again; the time to come back counts from now."""
        self._lost_at = time.perf_counter()
        self.online.set()

    def close(self) -> None:
        """Close the page."""
        self.ended = self.ended or "closed"
        if self._socket is not None:
            self._socket.close()
        if self._runner is not None:
            self._runner.kill(block=False)

    # what comes

    def _run(self) -> None:
        while not self.ended:
            self.online.wait()
            code = 1006
            try:
                self._connect()
                self._read()
            except Closed as closed:
                code = closed.code
                self._complain(closed)
            except ProtocolError as error:
                code = int(error.code)
                self._drop(code)
            except (Ended, Crashed) as error:
                self._end(error)
            except requests.RequestException as error:
                self._complain(error)
            except _DAMAGE as error:
                self._end(Ended(f"a patch does not fit the page: {type(error).__name__} {error}"))
            self._offline()
            if not self.ended and self._speech is not None and not self._speech.may_return(code):
                self._end(Ended(f"closed with {code}"))
            if not self.ended:
                gevent.sleep(self._pause(code))

    def _complain(self, error: Exception) -> None:
        """Say why there is no page yet: once for each reason and process, since all users have the same."""
        if self.page.registered or self.ended:
            return
        self.trouble = brief(error)
        if type(error) not in _complained:
            _complained.add(type(error))
            logger.warning("%s does not open, and is tried again: %s", self._app, self.trouble)

    def _connect(self) -> None:
        wanted = SUBPROTOCOL if self._link and self.kind == "link" else None
        socket = Socket(socket_url(self._app), wanted, self.cookies)
        self.sockets += 1
        if self._speech is None:
            link = socket.protocol == SUBPROTOCOL
            self._speech = (LinkSpeech if link else PlainSpeech)(self.page, self._report)
        with self._sending:
            self._socket = socket
            for message in self._speech.opened():
                socket.send(message)

    def _read(self) -> None:
        socket, speech = self._socket, self._speech
        assert socket is not None
        assert speech is not None
        asked = False
        while True:
            message = socket.receive(_PING_WAITING if speech.pending else _PING_IDLE)
            if message is None:
                pings = speech.ping()
                if asked and pings:
                    self._drop(int(CloseCode.NO_ANSWER))
                    return
                asked = bool(pings)
                for ping in pings:
                    socket.send(ping)
                continue
            asked = False
            was_back = speech.back
            speech.take(message)
            self.heard()
            if speech.back and not was_back:
                self._returned()
            self._flush()
            if speech.ack_due and not self._acking:
                self._acking = True
                gevent.spawn_later(_ACK_DELAY, self._acknowledge)
            self._news.set()

    def _returned(self) -> None:
        self._failures = 0
        if self._lost_at:
            name = "resume" if self.exact else "register again"
            self._report.timing(self.kind, name, time.perf_counter() - self._lost_at)
            self._lost_at = 0.0

    def _acknowledge(self) -> None:
        self._acking = False
        self._flush(ack=True)

    def _flush(self, *, ack: bool = False) -> None:
        """Send what is due. A socket that ends meanwhile ends for the reader too."""
        with self._sending:
            socket, speech = self._socket, self._speech
            if socket is None or speech is None:
                return
            try:
                for message in speech.out(ack=ack):
                    socket.send(message)
            except Closed:
                socket.cut()

    def _drop(self, code: int) -> None:
        if self._socket is not None:
            self._socket.close(code)

    def _offline(self) -> None:
        with self._sending:
            had, self._socket = self._socket, None
            if had is not None:
                had.cut()
            if self._speech is not None and had is not None:
                if self._speech.back and not self._lost_at:
                    self._lost_at = time.perf_counter()
                self._speech.closed()
        self._news.set()

    def _end(self, why: Exception) -> None:
        self.ended = str(why) or type(why).__name__
        if isinstance(why, Crashed):
            self._report.failure(self.kind, "app error", why)
        else:
            self._report.fault("lost session", self.ended)

    def _pause(self, code: int) -> float:
        failures, self._failures = self._failures, self._failures + 1
        what = action(code)
        if what is ClientAction.RETRY_NOW and not failures:
            return random.uniform(0, _FIRST_JITTER)
        later = _LATER if what is ClientAction.RETRY_LATER else 0
        return later + random.uniform(0, min(_BACKOFF_CAP, _BACKOFF * 2**failures))
