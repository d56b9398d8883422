"""The dashboard's frame: where one is, what else there is, and the loop that keeps it up to date.

Layer 4: imports Flet. It is an ordinary Flet app, hosted as every other: its session is saved and goes on at
another node when its own is drained or killed, and the loop below with it, since it is in ``page.run_task``.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import flet as ft

from flet_cluster import figures
from flet_cluster.dashboard import source
from flet_cluster.dashboard.nodes import Nodes
from flet_cluster.dashboard.overview import Overview
from flet_cluster.dashboard.parts import BAD, GOOD, Badge
from flet_cluster.dashboard.session import Session
from flet_cluster.dashboard.sessions import Sessions
from flet_cluster.dashboard.view import REFRESH, View
from flet_cluster.errors import ClusterError

if TYPE_CHECKING:
    from concurrent.futures import Future

WIDE = 760
"""From this width on, the pages are listed at the side, in pixels."""
PLACES = (
    ("/", "Overview", ft.Icons.INSIGHTS_OUTLINED, ft.Icons.INSIGHTS),
    ("/nodes", "Nodes", ft.Icons.DNS_OUTLINED, ft.Icons.DNS),
    ("/sessions", "Sessions", ft.Icons.PEOPLE_OUTLINE, ft.Icons.PEOPLE),
)


def main(page: ft.Page) -> None:
    """Show the cluster to one operator."""
    Frame(page).open()


def view_at(route: str) -> View:
    """Return a new page for a route; the overview for one that there is not."""
    path = route.partition("?")[0].rstrip("/")
    if path.startswith("/sessions/"):
        return Session(session_id=path.removeprefix("/sessions/"))
    views: dict[str, type[View]] = {"/nodes": Nodes, "/sessions": Sessions}
    return views.get(path, Overview)()


class Frame:
    """What stays when one goes from page to page."""

    def __init__(self, page: ft.Page) -> None:
        self.page = page
        self.view: View = Overview()
        self.looked = 0.0
        self.loop: Future[None] | None = None
        self.state = Badge()
        self.app = ft.Dropdown(dense=True, on_select=self.choose, visible=False)
        self.name = ft.Text("", size=18, weight=ft.FontWeight.W_600, no_wrap=True)
        self.mode = ft.IconButton(ft.Icons.CONTRAST, tooltip="Light or dark", on_click=self.change_mode)
        self.body = ft.Container(expand=True, padding=ft.Padding.only(left=20, right=20, bottom=20))
        self.rail = ft.NavigationRail(
            [ft.NavigationRailDestination(icon, selected, name) for _, name, icon, selected in PLACES],
            label_type=ft.NavigationRailLabelType.ALL,
            bgcolor=ft.Colors.TRANSPARENT,
            group_alignment=-0.95,
            on_change=self.go,
        )
        self.bar = ft.NavigationBar(
            [ft.NavigationBarDestination(icon, name, selected) for _, name, icon, selected in PLACES],
            on_change=self.go,
        )

    def open(self) -> None:
        """Lay the page out, and begin to look."""
        page = self.page
        page.title = "Cluster dashboard"
        page.padding = 0
        page.theme = page.dark_theme = ft.Theme(color_scheme_seed=ft.Colors.INDIGO)
        page.on_route_change = self.routed
        page.on_resize = self.arrange
        page.on_connect = self.watch
        page.on_disconnect = self.rest
        page.navigation_bar = self.bar
        self.name_apps()
        self.arrange()
        self.show(page.route)
        content = ft.Column([self.header(), self.body], expand=True, spacing=0)
        page.add(ft.SafeArea(ft.Row([self.rail, content], expand=True, spacing=0), expand=True))
        self.watch()

    def header(self) -> ft.Control:
        """Return the line at the top."""
        leave = ft.IconButton(ft.Icons.LOGOUT, tooltip="Sign out", on_click=self.sign_out)
        left = ft.Row([self.name, self.app, self.state], spacing=16, expand=True)
        return ft.Container(
            ft.Row([left, self.mode, leave], spacing=4),
            padding=ft.Padding.only(left=20, right=12, top=10, bottom=10),
        )

    # -- looking ----------------------------------------------------------------------------------

    def watch(self, _event: Any = None) -> None:
        """Begin to look, unless the loop is under way: the operator is here."""
        if self.loop is None or self.loop.done():
            self.loop = self.page.run_task(self.keep_looking)

    def rest(self, _event: Any = None) -> None:
        """Stop looking: the operator has gone."""
        if self.loop is not None:
            self.loop.cancel()

    async def keep_looking(self) -> None:
        """Look every other second. On another node this begins anew, which does not matter."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(REFRESH)
        except Exception:  # it goes into the node's log; what is shown must not pass for what is
            self.state.show("stopped by an error, see the log", BAD)
            self.page.update()
            raise

    async def look(self) -> None:
        """Bring the page up to date; what has not changed is not sent."""
        view, now = self.view, time.time()
        try:
            await view.read(source.inspector(self.chosen))
        except ClusterError:
            since = f" for {figures.duration(now - self.looked)}" if self.looked else ""
            self.state.show(f"no answer from the store{since}", BAD)
        else:
            self.looked = now
            self.state.show("live", GOOD)
        self.page.update()

    # -- going ------------------------------------------------------------------------------------

    @property
    def chosen(self) -> str:
        """Name of the app that is looked at."""
        return str(self.page.session.store.get("app") or "")

    def name_apps(self) -> None:
        """Say which app this is; let one choose where there are several."""
        names = source.apps()
        first = names[0] if names else ""
        self.page.session.store.set("app", first)
        self.name.value = first
        self.name.visible = len(names) == 1
        self.app.visible = len(names) > 1
        self.app.options = [ft.DropdownOption(name) for name in names]
        self.app.value = first
        self.page.title = f"{first} · cluster"

    async def choose(self, _event: ft.Event[ft.Dropdown]) -> None:
        """Look at another app."""
        self.page.session.store.set("app", self.app.value)
        self.page.title = f"{self.app.value} · cluster"
        self.show(self.page.route)
        await self.look()

    def go(self, event: ft.Event[ft.NavigationRail] | ft.Event[ft.NavigationBar]) -> None:
        """Go to another page."""
        self.page.navigate(PLACES[event.control.selected_index or 0][0])

    async def routed(self, event: ft.RouteChangeEvent) -> None:
        """Show the page of a route: somebody went there, back, or typed it."""
        self.show(event.route)
        await self.look()

    def show(self, route: str) -> None:
        """Put a page into the frame."""
        self.view = view_at(route)
        self.view.again = self.look
        self.body.content = self.view
        places = [place for place, *_ in PLACES]
        place = f"/{route.strip('/').partition('/')[0]}"
        index = places.index(place) if place in places else 0
        self.rail.selected_index = self.bar.selected_index = index

    def arrange(self, _event: Any = None) -> None:
        """Put the list of pages where there is room for it."""
        wide = (self.page.width or WIDE) >= WIDE
        self.rail.visible, self.bar.visible = wide, not wide

    def change_mode(self, _event: Any = None) -> None:
        """Change from light to dark, or back."""
        page = self.page
        dark = page.theme_mode is ft.ThemeMode.DARK or (
            page.theme_mode is not ft.ThemeMode.LIGHT and page.platform_brightness is ft.Brightness.DARK
        )
        page.theme_mode = ft.ThemeMode.LIGHT if dark else ft.ThemeMode.DARK

    async def sign_out(self, _event: Any = None) -> None:
        """Forget the password in this browser."""
        await ft.UrlLauncher().launch_url("logout", web_only_window_name=ft.UrlTarget.SELF.value)
