"""Two apps on one host, one of them below the other: a browser sends the lower one the cookies of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
from tests.cluster.tools import PROBE, Place
from tests.fleet import fleet
from tests.steps import Click
from tests.tab import open_tab

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fleet import FleetNode


class Below:
    """The address of a node's app below the root."""

    def __init__(self, node: FleetNode) -> None:
        self.page = f"http://127.0.0.1:{node.port}/below/"
        self.url = f"ws://127.0.0.1:{node.port}/below/ws"


def headers_for(browser: httpx.AsyncClient, page: str) -> dict[str, str]:
    """What a browser sends when this page opens its socket."""
    request = browser.build_request("GET", page)
    return {"Origin": page.rpartition("/below")[0], "Cookie": request.headers["Cookie"]}


async def test_a_visit_to_one_does_not_cost_the_other_its_session(valkey: str, tmp_path: Path) -> None:
    with fleet(PROBE, valkey, 1, MARKS=str(tmp_path / "marks")) as nodes:
        root = nodes.nodes[0]
        below = Below(nodes.add(FLET_CLUSTER_APP_PATH="below"))
        browser = httpx.AsyncClient(headers={"Sec-Fetch-Dest": "document"})
        await browser.get(below.page)
        async with open_tab(Place(below), headers=headers_for(browser, below.page)) as tab:
            await tab.do(Click("plus"))
            await browser.get(f"http://127.0.0.1:{root.port}/")  # cookies do not know ports
            tab.headers = headers_for(browser, below.page)
            assert tab.headers["Cookie"].count("=") == 2, "both cookies are sent"
            await tab.cut()
            await tab.do(Click("plus"))
            assert "Count: 2" in tab.client.texts()
            assert tab.resumes == 1
        await browser.aclose()
