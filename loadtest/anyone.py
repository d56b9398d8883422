"""Users of any app: they do whatever the page lets them do."""

from __future__ import annotations

from locust import tag, task

from loadtest._user import FletUser


class LinkUser(FletUser):
    """A browser: speaks the resumable link with servers that know it."""

    weight = 3

    @tag("anyone", "link")
    @task
    def do_something(self) -> None:
        """Click, choose or type."""
        self.anything()


class PlainUser(FletUser):
    """A client that speaks plain Flet with every server."""

    weight = 1
    speaks_link = False

    @tag("anyone", "plain")
    @task
    def do_something(self) -> None:
        """Click, choose or type."""
        self.anything()
