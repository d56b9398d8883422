"""Where the dashboard is: beside whatever is served, under any server; and nowhere unless asked for."""

from __future__ import annotations

import re
import subprocess
import sys

import httpx
import pytest
from tests.asgi.servers import serving
from tests.dashboard.conftest import PASSWORD
from tests.tab import open_tab

ENV = {"FLET_CLUSTER_DASHBOARD_PASSWORD": PASSWORD, "FLET_CLUSTER_DASHBOARD_PATH": "/ops/cluster/"}
PATH = "/ops/cluster/"
DEFAULT = {"FLET_CLUSTER_DASHBOARD_PASSWORD": PASSWORD}
SERVED = {
    "own application": ("uvicorn", "own.py:app", ["own"]),
    "several apps": ("flet-cluster", "several.py:app", ["several.root_main", "several.sub_main"]),
}


def test_it_costs_nothing_unless_it_is_asked_for() -> None:
    code = (
        "import sys, flet_cluster.fastapi.hosted\n"
        "found = [n for n in sys.modules if n.startswith(('flet_cluster.dashboard', 'flet_charts'))]\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("kind", SERVED)
async def test_it_is_beside_whatever_is_served(kind: str) -> None:
    server_kind, app, names = SERVED[kind]
    if server_kind == "uvicorn":
        app = app.replace(".py", "")
    with serving(server_kind, app, ENV) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=20) as browser:
            assert (await browser.get(PATH)).status_code == 401
            await browser.post(PATH, data={"password": PASSWORD})
            page = await browser.get(PATH, headers={"Sec-Fetch-Dest": "document"})
            assert f'<base href="{PATH}">' in page.text
            cookie = "; ".join(f"{one.name}={one.value}" for one in browser.cookies.jar)
        headers = {"Cookie": cookie, "Origin": server.url}
        async with (
            open_tab(lambda: [server.socket()]),
            open_tab(lambda: [server.socket(f"{PATH}ws")], headers=headers, settles=False) as tab,
        ):
            await tab.until(lambda: "live" in tab.client.texts())
            options = [one.get("key") for one in tab.client.visible() if one.type == "DropdownOption"]
            assert (options or [tab.client.page.props["title"].partition(" ")[0]]) == names


@pytest.mark.parametrize("kind", SERVED)
async def test_the_apps_pages_keep_their_script(kind: str) -> None:
    """It is in a folder that is called as the dashboard is, unless that is elsewhere."""
    server_kind, app, _ = SERVED[kind]
    if server_kind == "uvicorn":
        app = app.replace(".py", "")
    with serving(server_kind, app, DEFAULT) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=20) as browser:
            page = await browser.get("/", headers={"Accept": "text/html"})
            (script,) = re.findall(r'src="(flet-cluster/resume\.js[^"]*)"', page.text)
            found = await browser.get(f"/{script}")
            assert found.status_code == 200
            assert found.headers["content-type"].startswith(("text/javascript", "application/javascript"))
            for path in ("/flet-cluster/", f"/flet-cluster/{script}", f"/flet-cluster//{script[13:]}"):
                assert (await browser.get(path)).status_code == 401, path
