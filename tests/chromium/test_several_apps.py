"""Several Flet apps on one origin, in the real browser: pages, sockets, cookies and sessions do not mix."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.asgi.servers import cluster, serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chromium.conftest import NewScreen


def test_two_apps_of_one_process_in_two_tabs(new_screen: NewScreen) -> None:
    with serving("flet-cluster", "several.py:app", ready="/readyz") as server:
        root, sub = new_screen(), new_screen()
        root.open(f"{server.url}/", "This is root app!", "Count: 0")
        sub.open(f"{server.url}/sub-app/", "This is sub app!", "Count: 0")
        root.click("plus")
        root.shows("Count: 1")
        sub.click("plus")
        sub.shows("Count: 1")
        sub.page.reload()
        sub.settle("This is sub app!", "Count: 1")
        root.photograph("root")
        sub.photograph("sub")


def test_endpoints_on_their_own(new_screen: NewScreen, tmp_path: Path) -> None:
    with serving("flet-cluster", "parts.py:app", {"UPLOADS": str(tmp_path)}, "/readyz") as server:
        screens = [new_screen(), new_screen()]
        for number, screen in enumerate(screens, 1):
            screen.open(f"{server.url}/app{number}/", "Hello, Flet!")
            screen.click("more")
            screen.shows("Hello, Flet!!")


def test_a_tab_goes_from_hypercorn_to_daphne(valkey: str, new_screen: NewScreen) -> None:
    """One port, one server after the other: what a change of the ASGI server looks like to a visitor."""
    env = {"FLET_CLUSTER_APP": "plain.py", **cluster(valkey, f"browser-{secrets.token_hex(3)}")}
    with ExitStack() as stack:
        first = stack.enter_context(serving("hypercorn", "flet_cluster.asgi:app", env))
        screen = new_screen()
        screen.open(f"{first.url}/", "Count: 0")
        screen.click("plus")
        screen.shows("Count: 1")
        first.kill()
        stack.enter_context(serving("daphne", "flet_cluster.asgi:app", env, port=first.port))
        screen.click("plus")
        screen.shows("Count: 2")
        screen.resumed(1)
