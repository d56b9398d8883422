"""Users who sign in at an OpenID provider, as ``page.login`` sends them there."""

from __future__ import annotations

import re
import secrets
import time
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests
from gevent.event import Event
from locust import tag, task

from loadtest._user import COMMIT_SECONDS, FletUser

if TYPE_CHECKING:
    from loadtest._tree import Control

_FORM = re.compile(r"<form[^>]*?action=[\"']([^\"']+)[\"'].*?</form>", re.DOTALL | re.IGNORECASE)
_INPUT = re.compile(r"<input\b[^>]*>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"(\w+)=[\"']([^\"']*)[\"']")
_PAGES = 10
"""Forms of a provider between the app and the app."""


class LoginUser(FletUser):
    """Clicks what looks like a sign-in, fills in the provider's forms, and comes back to the app."""

    optional = True

    def visit(self) -> None:
        """Open the page as somebody who is not signed in."""
        self._asked, self._address = Event(), ""
        super().visit()

    @tag("login")
    @task
    def sign_in(self) -> None:
        """Sign in, wait until the page says so, and leave."""
        if not self.ready():
            return
        session, label = self.session, re.compile(self.options.sign_in_button, re.IGNORECASE)
        button = self.labelled(label)
        if button is None:
            self.report.note(session.kind, "nothing to sign in with")
            return
        began = time.perf_counter()
        session.send(button.act())
        try:
            self._through_the_provider()
        except (requests.RequestException, TimeoutError, ValueError) as error:
            if not session.ended:  # at the end of the run
                self.report.failure(session.kind, "event to sign-in", error)
        else:
            self.report.timing(session.kind, "event to sign-in", time.perf_counter() - began)
        self.left = 0  # the next one is somebody else

    def _through_the_provider(self) -> None:
        """Go where the app sends its user, and come back.

        Raises:
            TimeoutError: the app did not send anybody, or does not show that somebody came.
        """
        if not self._asked.wait(COMMIT_SECONDS):
            raise TimeoutError("the app did not send its user to a provider")
        page = self.session.page
        before = list(page.texts())
        self._go_there(self._address)
        if not self.session.wait(lambda: list(page.texts()) != before, COMMIT_SECONDS):
            raise TimeoutError("the page did not change after the sign-in")

    def answer(self, control: Control, name: str, args: dict[str, Any]) -> Any:
        """Note the address that the app wants to be opened."""
        if control.type == "UrlLauncher" and "url" in args:
            url = args["url"]
            self._address = url["url"] if isinstance(url, dict) else url
            self._asked.set()
        return super().answer(control, name, args)

    def _go_there(self, url: str) -> None:
        """Do what the provider's pages ask for, until they lead back to the app.

        Raises:
            ValueError: they do not.
        """
        browser = requests.Session()
        home = urlsplit(str(self.host))
        for name, morsel in self.session.cookies.items():
            browser.cookies.set(name, morsel.value, domain=str(home.hostname))
        answer = browser.get(url, timeout=COMMIT_SECONDS)
        for _ in range(_PAGES):
            answer.raise_for_status()
            if urlsplit(answer.url).netloc == home.netloc:
                return
            action, fields = _form(answer.text)
            answer = browser.post(urljoin(answer.url, action), data=fields, timeout=COMMIT_SECONDS)
        raise ValueError(f"the provider still asks after {_PAGES} forms")


def _form(page: str) -> tuple[str, dict[str, str]]:
    """Return where the first form of a page goes, and its fields, with somebody in those that are empty."""
    form = _FORM.search(page)
    if form is None:
        raise ValueError("the provider shows a page without a form")
    inputs = (dict(_ATTRIBUTE.findall(tag)) for tag in _INPUT.findall(form[0]))
    somebody = f"load-{secrets.token_hex(4)}"
    fields = {field["name"]: unescape(field.get("value") or somebody) for field in inputs if "name" in field}
    return unescape(form[1]), fields
