"""A real identity provider (``oidc-provider`` from npm, a process of its own), and its users."""

from __future__ import annotations

import contextlib
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent
NOWHERE = "http://127.0.0.1:1/oauth_callback"
"""Where the provider sends users in tests that take the answer to a node of their choice themselves."""


@dataclass(frozen=True)
class Answer:
    """What the provider sends a user back with."""

    query: str

    def at(self, port: int) -> str:
        """The callback on a certain node."""
        return f"http://127.0.0.1:{port}/oauth_callback?{self.query}"


@contextlib.contextmanager
def provider(port: int, *redirects: str) -> Iterator[str]:
    """Run the provider on a port; yields its issuer."""
    issuer = f"http://127.0.0.1:{port}"
    command = ["node", "provider.mjs", issuer, *redirects]
    assert (FOLDER / "node_modules").is_dir(), "run scripts/install-test-parts.sh"
    with subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield issuer
        finally:
            process.kill()


async def visit(url: str, method: str = "GET", **options: Any) -> httpx.Response:
    """Ask for a page, while the tabs of the test go on."""
    async with httpx.AsyncClient(**options) as browser:
        return await browser.request(method, url)


def sign_in(url: str, login: str) -> Answer:
    """Do what a user does there: give a name, consent."""
    with httpx.Client() as browser:
        place, page = _follow(browser, url)
        while place != NOWHERE:
            form = dict(re.findall(r'name="(\w+)" value="(\w+)"', page))
            action = re.search(r'action="([^"]+)"', page)
            assert action is not None, page
            form |= {"login": login, "password": "any"} if form["prompt"] == "login" else {}
            answer = browser.post(urljoin(place, action[1]), data=form)
            place, page = _follow(browser, urljoin(place, answer.headers["location"]))
        return Answer(page)


def refuse(url: str) -> Answer:
    """Do what a user does who thinks better of it."""
    with httpx.Client() as browser:
        place, page = _follow(browser, url)
        abort = re.search(r'href="([^"]+/abort)"', page)
        assert abort is not None, page
        place, page = _follow(browser, urljoin(place, abort[1]))
        assert place == NOWHERE
        return Answer(page)


def _follow(browser: httpx.Client, url: str) -> tuple[str, str]:
    """Follow redirects; returns a page and its place, or, for the app's callback, what it is asked."""
    while True:
        base, _, query = url.partition("?")
        if base == NOWHERE:
            return base, query
        answer = browser.get(url)
        if not answer.has_redirect_location:
            assert answer.status_code == 200, answer.text
            return url, answer.text
        url = urljoin(url, answer.headers["location"])
