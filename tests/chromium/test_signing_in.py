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
def redirect(tmp_path: Path) -> Path:
    """Where the provider is to send users back to; empty for the app's own address."""
    path = tmp_path / "redirect"
    path.touch()
    return path


@pytest.fixture
def options(tmp_path: Path, redirect: Path) -> Mapping[str, str]:
    return {
        "ISSUER": f"http://127.0.0.1:{PORT}",
        "MARKS": str(tmp_path / "marks"),
        "REDIRECT_FILE": str(redirect),
        "FLET_CLUSTER_HIBERNATE_AFTER": "0.3",  # who is at the provider for longer comes back to one asleep
    }


@pytest.fixture
def site(start: Start) -> Iterator[Site]:
    site = start("../oauth/app.py")
    callbacks = [f"http://127.0.0.1:{node.port}/oauth_callback" for node in site.fleet.nodes]
    with provider(PORT, f"{site.url}oauth_callback", *callbacks):
        yield site


def be(page: Page, name: str) -> None:
    """Say who one is, on the provider's page."""
    page.fill("[name=login]", name)
    page.fill("[name=password]", "any")
    page.click("[type=submit]")


def test_in_a_window_of_its_own_while_the_node_dies(site: Site, screen: Screen, redirect: Path) -> None:
    """The answer comes to a node that neither had the session nor gets it."""
    screen.open(site.url, "Nobody is here")
    holder = site.balancer.holder()
    answered = next(node for node in site.fleet.nodes if node is not holder)
    site.balancer.leave_out(answered)
    redirect.write_text(f"http://127.0.0.1:{answered.port}/oauth_callback")
    with screen.page.expect_popup() as opened:
        screen.click("sign in")
    be(opened.value, "ada")
    screen.forget()
    holder.kill()
    with opened.value.expect_event("close"):
        opened.value.click("[type=submit]")  # yes, the app may know
    screen.shows("ada is Dr. ada")
    assert screen.nodes[-1] not in {holder.node_id, answered.node_id}
    screen.click("who")
    screen.shows("Still: ada is Dr. ada")
    screen.photograph("signed-in")
    screen.noticed_nothing()
    assert screen.page.evaluate("fetch('/').then((it) => it.headers.get('cross-origin-opener-policy'))")


def test_in_the_same_window(site: Site, screen: Screen) -> None:
    screen.open(f"{site.url}some/place", "Nobody is here")
    screen.click("same window")
    be(screen.page, "bob")
    screen.page.click("[type=submit]")
    screen.settle("bob is Dr. bob")
    assert screen.page.url == f"{site.url}some/place"
    screen.click("who")
    screen.shows("Still: bob is Dr. bob")
    for node in tuple(site.fleet.nodes):  # a rolling restart, each node replaced by nothing but the others
        if len([one for one in site.fleet.nodes if one.process.poll() is None]) > 1:
            node.terminate()
    screen.click("who")
    screen.shows("Still: bob is Dr. bob")
    screen.hosts.discard("fonts.googleapis.com")  # asked for by the provider's page, which is not ours


def test_what_users_see_when_it_does_not_work(site: Site, screen: Screen, redirect: Path) -> None:
    screen.open(site.url, "Nobody is here")
    with screen.page.expect_popup() as opened:
        screen.click("sign in")
    with opened.value.expect_event("close"):
        opened.value.click("text=Cancel")
    screen.shows("Failed: access_denied")
    with screen.page.expect_popup() as opened:
        screen.click("own words")  # a page that stays, so that its address can be opened again
    used = opened.value
    be(used, "eve")
    used.click("[type=submit]")
    used.wait_for_selector("text=The app says: done.")
    screen.shows("eve is Dr. eve")
    used.reload()
    used.wait_for_selector("text=Go back to the app and sign in again.")
    assert "completed before" in used.inner_text("body")
    assert "Traceback" not in site.fleet.logs()
    screen.click("who")
    screen.shows("Still: eve is Dr. eve")
