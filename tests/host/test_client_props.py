"""What a client may not say of itself: who is signed in, and what is private to the app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import flet as ft
import pytest
from tests.node.desk import desk
from tests.steps import Click

if TYPE_CHECKING:
    from tests.node.desk import Desk


@ft.control
class Guarded(ft.TextField):
    """An app's own control, with a secret of its own."""

    _is_admin: bool = False


@dataclass
class Seen:
    """What the app noticed."""

    logins: int = 0


SEEN = Seen()


def main(page: ft.Page) -> None:
    said, field = ft.Text("Count: 0"), Guarded(value="")

    def open_up(_: Any) -> None:
        said.value = "Come in" if page.auth or field._is_admin else f"please sign in, {field.value}"

    def signed_in(_: Any) -> None:
        SEEN.logins += 1

    page.on_login = signed_in
    page.on_logout = signed_in
    page.add(said, field, ft.Button("open", on_click=open_up))


@pytest.fixture(autouse=True)
def _app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.node.desk.main", main)
    SEEN.logins = 0


async def opened(work: Desk) -> None:
    work.do(Click("open"))
    await work.until(lambda: work.shows("please sign in, ada") or work.shows("Come in"))


async def test_a_client_does_not_say_who_is_signed_in() -> None:
    async with desk() as work:
        client = work.wire.client
        for name in ("login", "logout"):
            for data in (None, "", {"error": None, "error_description": None}):
                for packet in client.trigger(client.page, name, data, always=True):
                    work.give(packet)
        field = next(control for control in client.visible() if control.type == "TextField")
        work.give(client.update(field, {"value": "ada", "_is_admin": True, "_Control__secret": 1}))
        private: dict[str, Any] = {
            "_Page__authorization": True,
            "_Page__session": None,
            "_values": {},
            "_i": 99,
        }
        work.give(client.update(client.page, {**private, "window": {"_Page__authorization": True}}))
        await opened(work)
        assert work.shows("please sign in, ada")
        assert SEEN.logins == 0
        page = work.seat.wake().page
        assert page.auth is None
        assert not hasattr(page.window, "_Page__authorization")


async def test_what_the_real_client_sends_is_taken() -> None:
    async with desk() as work:
        page = work.seat.wake().page
        page.session.apply_patch(page._i, {"_selected_index": 3, "_dismissed": True, "width": 7.0})
        assert (page._selected_index, page._dismissed, page.width) == (3, True, 7.0)
        page.session.apply_patch(page._i, {"window": {"width": 5.0}})
        assert page.window.width == 5.0
        page.session.apply_page_patch({"_Page__authorization": True, "height": 3.0})  # as it registers
        assert (page.auth, page.height) == (None, 3.0)
        page.session.apply_patch(12345, {"width": 7.0})  # a control that is no more
