"""A provider and two nodes of the app for each module."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from tests.browser import Browser
from tests.cluster.tools import Marks, World, watched
from tests.fleet import Fleet
from tests.oauth.provider import FOLDER, NOWHERE, provider, visit
from tests.servers import running
from tests.shell.running import free_port

from flet_cluster.transport.binding import BrowserCookie

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import httpx


@dataclass(slots=True)
class Visitor(Browser):
    """Keeps the addresses that the app wants to be opened, and can open one."""

    opened: list[str] = field(default_factory=list)

    def answer(self, method: str, args: Mapping[str, Any]) -> tuple[Any, str | None]:
        if method.startswith("UrlLauncher."):
            url = args["url"]
            self.opened.append(url["url"] if isinstance(url, dict) else url)
        return Browser.answer(self, method, args)

    async def visit(self, url: str, method: str = "GET") -> httpx.Response:
        """Ask for a page, with the cookie."""
        return await visit(url, method, headers={"Cookie": self.cookie} if self.cookie else {})

    def elsewhere(self, route: str) -> Visitor:
        """Another tab of this browser."""
        return Visitor(route=route, cookie=self.cookie)


class Program(Visitor):
    """A client that is not a browser: it has a window and no cookies, and opens addresses elsewhere."""

    def page_fields(self) -> dict[str, Any]:
        return {**Visitor.page_fields(self), "web": False, "wasm": False}


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    with running("valkey") as url:
        yield url


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with provider(free_port(), NOWHERE) as url:
        yield url


@pytest.fixture(scope="module")
def marks(tmp_path_factory: pytest.TempPathFactory) -> Marks:
    return Marks(tmp_path_factory.mktemp("marks") / "marks.jsonl")


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    """Environment of all nodes of the module; a module overrides this."""
    return {}


@pytest.fixture(scope="module")
def app() -> str:
    """The app of all nodes; a module overrides this."""
    return "app.py"


@pytest.fixture(scope="module")
def launcher() -> Sequence[str]:
    """How a node is started; a module overrides this."""
    return ("-m", "flet_cluster.cli", "run")


@pytest.fixture(scope="module")
def nodes(  # noqa: PLR0913, PLR0917 - fixtures
    valkey: str,
    issuer: str,
    options: Mapping[str, str],
    marks: Marks,
    launcher: Sequence[str],
    app: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Fleet]:
    env = {**marks.env, "ISSUER": issuer, "REDIRECT": NOWHERE, **options}
    fleet = Fleet(str(FOLDER / app), valkey, tmp_path_factory.mktemp("fleet"), env, launcher=launcher)
    yield fleet
    fleet.stop()


@pytest.fixture
def world(nodes: Fleet, marks: Marks, request: pytest.FixtureRequest) -> Iterator[World]:
    """Two nodes, for one test; a traceback in any log fails it."""
    yield from watched(nodes, marks, request)


@pytest.fixture
def visitor(world: World) -> Visitor:
    return Visitor(route=world.route, cookie=f"{cookie_name(world)}={secrets.token_urlsafe(24)}")


def cookie_name(world: World) -> str:
    """What the app's cookie is called."""
    return BrowserCookie.at(world.fleet.app_name, "/").name
