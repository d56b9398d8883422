"""One Chromium for each module, a Valkey for all, three nodes behind a balancer for each test."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from tests.chromium.balancer import Balancer, balanced
from tests.chromium.screen import WATCH, Screen
from tests.fleet import Fleet
from tests.servers import running
from tests.shell.running import ROOT

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NODES = 3


@dataclass(frozen=True)
class Site:
    """An app on three nodes behind a balancer."""

    fleet: Fleet
    balancer: Balancer

    @property
    def url(self) -> str:
        """The app's address."""
        return self.balancer.url


Start = Callable[..., Site]
NewScreen = Callable[..., Screen]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Not for the whole run: while Playwright lives, no other test of the process can have an event loop."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    with running("valkey") as url:
        yield url


@pytest.fixture
def new_screen(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[NewScreen]:
    """Open tabs, all in one context of this test's own."""
    context = chromium.new_context(viewport={"width": 800, "height": 600})
    context.add_init_script(WATCH)
    name = request.node.name.removeprefix("test_").partition("[")[0].replace("_", "-")
    failed = request.session.testsfailed
    screens: list[Screen] = []

    def make(page: Page | None = None) -> Screen:
        screens.append(
            Screen(page or context.new_page(), name if not screens else f"{name}-{len(screens) + 1}")
        )
        return screens[-1]

    yield make
    for screen in screens:
        assert all(host.startswith("127.0.0.1:") for host in screen.hosts), screen.hosts
    if request.session.testsfailed > failed:
        for screen in screens:
            screen.photograph("failed")
            print(screen.seen)
    context.close()


@pytest.fixture
def screen(new_screen: NewScreen) -> Screen:
    return new_screen()


@pytest.fixture
def options() -> Mapping[str, str]:
    """Environment of all nodes; a module overrides this."""
    return {}


@pytest.fixture
def launcher() -> Sequence[str]:
    """How a node is started; a module overrides this."""
    return ("-m", "flet_cluster.cli", "run")


@pytest.fixture
def start(
    valkey: str,
    options: Mapping[str, str],
    launcher: Sequence[str],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Start]:
    """Serve a sample app from three nodes behind a balancer; a test that fails shows the nodes' logs."""
    failed = request.session.testsfailed
    with contextlib.ExitStack() as stack:
        fleets: list[Fleet] = []

        def serve(app: str, redis_url: str = valkey) -> Site:
            folder = tmp_path_factory.mktemp("site")
            fleet = Fleet(str(ROOT / "tests" / "apps" / app), redis_url, folder, options, launcher=launcher)
            stack.callback(fleet.stop)
            fleets.append(fleet)
            for node in [fleet.spawn() for _ in range(NODES)]:
                fleet.wait_ready(node)
            return Site(fleet, stack.enter_context(balanced(fleet.nodes, folder)))

        yield serve
        if request.session.testsfailed > failed:
            for fleet in fleets:
                print(fleet.logs())
