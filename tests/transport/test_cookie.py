"""The cookie comes with the first page, once."""

from __future__ import annotations

import httpx
import pytest
from starlette.responses import PlainTextResponse

from flet_cluster.http.cookie import BindingCookie

PAGE = {"sec-fetch-dest": "document"}


async def get(headers: dict[str, str], path: str = "") -> httpx.Response:
    app = BindingCookie(PlainTextResponse("page"), path)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.example") as client:
        return await client.get("/", headers=headers)


async def test_a_browser_gets_it_with_its_first_page() -> None:
    answer = await get(PAGE, "/sub")
    assert answer.headers["set-cookie"].startswith("flet_cluster=")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "Path=/sub" in answer.headers["set-cookie"]
    assert "private" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "headers", [{}, {"sec-fetch-dest": "script"}, {**PAGE, "cookie": "flet_cluster=mine"}]
)
async def test_nobody_else_does(headers: dict[str, str]) -> None:
    answer = await get(headers)
    assert "set-cookie" not in answer.headers
