"""Two users in two browser tabs hear each other, though a node dies; who was away hears it later."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chromium.conftest import NewScreen, Start


def test_two_users_hear_each_other(start: Start, new_screen: NewScreen) -> None:
    site = start("chat.py")
    ann, bob = new_screen(), new_screen()
    for screen in (ann, bob):
        screen.open(site.url, "no alarms")
    ann.click("Alarm")
    for screen in (ann, bob):
        screen.shows("fire 1 (1)")

    bob.forget()
    assert site.fleet.node(bob.nodes[-1]).kill() != 0
    ann.click("Alarm")
    for screen in (ann, bob):
        screen.shows("fire 2 (2)")
    bob.photograph("after-kill")
    bob.noticed_nothing()

    bob.page.goto("about:blank")
    ann.click("Alarm")
    ann.shows("fire 3 (3)")
    bob.open(site.url, "fire 3 (3)")
