"""The cookie comes with the first page, once."""

from __future__ import annotations

import httpx
import pytest
from starlette.responses import PlainTextResponse

from flet_cluster.http.cookie import BindingCookie
from flet_cluster.transport.binding import BrowserCookie

PAGE = {"sec-fetch-dest": "document"}
PLAIN_HTTP = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
COOKIE = BrowserCookie("flet_cluster_app", "/sub", "/sub")


async def get(headers: dict[str, str], cookie: BrowserCookie = COOKIE) -> httpx.Response:
    app = BindingCookie(PlainTextResponse("page"), lambda _scope: cookie)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.example") as client:
        return await client.get("/", headers=headers)


@pytest.mark.parametrize("headers", [PAGE, PLAIN_HTTP])
async def test_a_browser_gets_it_with_its_first_page(headers: dict[str, str]) -> None:
    answer = await get(headers)
    assert answer.headers["set-cookie"].startswith("flet_cluster_app=")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "Path=/sub" in answer.headers["set-cookie"]
    assert "private" in answer.headers["cache-control"]


async def test_the_cookie_of_another_app_is_not_this_ones() -> None:
    assert "set-cookie" in (await get({**PAGE, "cookie": "flet_cluster_other=theirs"})).headers


def test_it_is_out_of_reach_of_scripts_and_other_sites() -> None:
    header = COOKIE.header("value", secure=True)
    assert header.startswith("flet_cluster_app=value;")
    for part in ("HttpOnly", "SameSite=Lax", "Path=/sub", "Secure"):
        assert part in header
    assert "Secure" not in COOKIE.header("value", secure=False)


FRAMED = BrowserCookie("flet_cluster_app", "/sub", "/sub", framed=True)


def test_for_frames_of_other_sites_there_is_one_for_each_site() -> None:
    header = FRAMED.header("value", secure=True)
    for part in ("HttpOnly", "SameSite=None", "Path=/sub", "Secure", "Partitioned"):
        assert part in header.split("; ")
    assert "SameSite=Lax" in FRAMED.header("value", secure=False), "browsers refuse None over plain HTTP"


@pytest.mark.parametrize("place", ["iframe", "frame", "embed", "object", "document"])
async def test_framed_pages_bring_it_too(place: str) -> None:
    answer = await get({"sec-fetch-dest": place}, FRAMED)
    assert answer.headers["set-cookie"].startswith("flet_cluster_app=")


async def test_their_scripts_and_pictures_do_not() -> None:
    assert "set-cookie" not in (await get({"sec-fetch-dest": "image"}, FRAMED)).headers


def test_its_name_tells_apps_and_their_paths_apart() -> None:
    places = [("one", ""), ("two", ""), ("one", "sub"), ("one", "sub/sub")]
    cookies = [BrowserCookie.at(name, path) for name, path in places]
    assert len({cookie.name for cookie in cookies}) == len(places)
    assert [cookie.path for cookie in cookies] == ["/", "/", "/sub", "/sub/sub"]
    assert cookies[0] == BrowserCookie.at("one", "/")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"accept": "*/*"},
        {"sec-fetch-dest": "script"},
        {**PLAIN_HTTP, "sec-fetch-dest": "iframe"},
        {**PAGE, "cookie": "flet_cluster_app=mine"},
        {**PLAIN_HTTP, "cookie": "flet_cluster_app=mine"},
    ],
)
async def test_nobody_else_does(headers: dict[str, str]) -> None:
    answer = await get(headers)
    assert "set-cookie" not in answer.headers
