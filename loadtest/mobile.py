"""Users whose network goes away: one by one as on the road, or all at once."""

from __future__ import annotations

import random
import time

import gevent
from locust import tag, task

from loadtest._user import FletUser


class MobileUser(FletUser):
    """Loses the network every minute (``--drop-every``) for some seconds, and goes on clicking meanwhile."""

    optional = True
    _next = 0.0

    @tag("mobile")
    @task
    def go_on(self) -> None:
        """Do something; now and then without a network."""
        every = self.options.drop_every
        if not self._next:
            self._next = time.monotonic() + random.uniform(0, every)
        if time.monotonic() < self._next:
            self.anything()
            return
        self._next = time.monotonic() + every
        self.session.online.clear()
        self.session.cut()
        back = gevent.spawn_later(random.uniform(0.5, 5), self.session.reappear)
        if self.session.exact:
            self.anything()
        back.join()


class StormUser(FletUser):
    """Does something now and then; every ``--storm-every`` seconds all of them lose their sockets at once."""

    optional = True

    @tag("storm")
    @task
    def until_the_storm(self) -> None:
        """Do something, or lose the socket when the time has come, by the clock that all have."""
        every = self.options.storm_every
        left = every - time.time() % every
        if left > 1:
            self.anything()
            return
        gevent.sleep(left)
        self.session.cut()
        self.session.wait(lambda: self.session.connected, 60)
