"""``flet_cluster.uploads(page)`` in apps that are exported, mounted, or made of endpoints one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from tests.asgi.servers import serving
from tests.steps import Click
from tests.tab import open_tab

if TYPE_CHECKING:
    from pathlib import Path

    from tests.asgi.servers import Server
    from tests.tab import Tab


async def found(tab: Tab, button: str) -> str:
    await tab.do(Click(button))
    (text,) = [text for text in tab.client.texts() if text.startswith("FOUND")]
    return text.removeprefix("FOUND ")


async def goes_round(server: Server, path: str, endpoint: str) -> None:
    """What a browser puts there, the app finds, and the browser gets."""
    async with open_tab(lambda: [server.socket(f"{path}/ws")]) as tab, httpx.AsyncClient() as client:
        link = await found(tab, "link")
        assert link.startswith(f"{endpoint}?f=a%20b.txt&")
        content = f"of {path}".encode()
        assert (await client.put(server.url + link, content=content)).is_success
        name, _, url = (await found(tab, "look")).rpartition(" ")
        assert name == "a b.txt"
        assert url.startswith(f"{endpoint}?f=a%20b.txt&")
        assert (await client.get(server.url + url)).content == content
        part = await client.get(server.url + url, headers={"Range": "bytes=0-1"})
        assert (part.status_code, part.content) == (206, b"of")
        assert (await client.get(server.url + link)).status_code == 405


@pytest.mark.parametrize("where", ["argument", "environment"])
async def test_files_go_round(tmp_path: Path, where: str) -> None:
    env = {"UPLOADS": str(tmp_path)}
    if where == "environment":
        env["FLET_UPLOAD_DIR"] = str(tmp_path)
    with serving("flet-cluster", "files.py:app", env, "/readyz") as server:
        await goes_round(server, "", "/upload")
        await goes_round(server, "/mounted", "/mounted/upload")
        if where == "environment":
            await goes_round(server, "/own", "/own/files")
        else:  # the app cannot know where somebody else's route puts files
            async with open_tab(lambda: [server.socket("/own/ws")]) as tab:
                assert "UploadsDisabled" in await found(tab, "look")
                assert "FLET_UPLOAD_DIR" in await found(tab, "look")
        assert "Traceback" not in server.text()


@pytest.mark.parametrize("kind", ["uvicorn", "hypercorn", "daphne"])
async def test_files_go_round_under_any_server(tmp_path: Path, kind: str) -> None:
    env = {"UPLOADS": str(tmp_path), "FLET_CLUSTER_APP": "files.py:app"}
    with serving(kind, "flet_cluster.asgi:app", env) as server:
        await goes_round(server, "", "/upload")
        assert "Traceback" not in server.text()
