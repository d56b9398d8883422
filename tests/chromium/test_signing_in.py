"""Signing in with a real browser and a real provider, three nodes, none of them special."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.oauth.provider import provider
from tests.shell.running import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from playwright.sync_api import Page
    from tests.chromium.conftest import Site, Start
    from tests.chromium.screen import Screen

PORT = free_port()


@pytest.fixture
def options(tmp_path: Path) -> Mapping[str, str]:
    return {
        "ISSUER": f"http://127.0.0.1:{PORT}",
        "MARKS": str(tmp_path / "marks"),
        "OAUTHLIB_INSECURE_TRANSPORT": "1",  # the provider has no TLS here
    }


@pytest.fixture
def site(start: Start) -> Iterator[Site]:
    site = start("../oauth/app.py")
    with provider(PORT, f"{site.url}oauth_callback"):
        yield site


def be(page: Page, name: str) -> None:
    """Say who one is, on the provider's page."""
    page.fill("[name=login]", name)
    page.fill("[name=password]", "any")
    page.click("[type=submit]")


def test_in_a_window_of_its_own_while_the_node_dies(site: Site, screen: Screen) -> None:
    screen.open(site.url, "Nobody is here")
    with screen.page.expect_popup() as opened:
        screen.click("sign in")
    be(opened.value, "ada")
    screen.forget()
    site.balancer.holder().kill()
    with opened.value.expect_event("close"):
        opened.value.click("[type=submit]")  # yes, the app may know
    screen.shows("ada is Dr. ada")
    screen.click("who")
    screen.shows("Still: ada is Dr. ada")
    screen.photograph("signed-in")
    screen.noticed_nothing()


def test_in_the_same_window(site: Site, screen: Screen) -> None:
    screen.open(f"{site.url}some/place", "Nobody is here")
    screen.click("same window")
    be(screen.page, "bob")
    screen.page.click("[type=submit]")
    screen.settle("bob is Dr. bob")
    assert screen.page.url == f"{site.url}some/place"
    screen.click("who")
    screen.shows("Still: bob is Dr. bob")
    screen.hosts.discard("fonts.googleapis.com")  # asked for by the provider's page, which is not ours
