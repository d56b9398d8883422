"""``flet_cluster.uploads(page)`` in apps that are exported, mounted, or made of endpoints one by one."""

from __future__ import annotations

import json
import time
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.asgi.servers import serving
from tests.fleet import SECRET
from tests.steps import Click
from tests.tab import open_tab

from flet_cluster.blobs.signing import UploadSigner

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
    env = {"UPLOADS": str(tmp_path), "FLET_CLUSTER_APP": "files.py:app", "FLET_MAX_UPLOAD_SIZE": "1MB"}
    with serving(kind, "flet_cluster.asgi:app", {**env, "FLET_CLUSTER_APP_NAME": "files"}) as server:
        await goes_round(server, "", "/upload")
        for announced in (True, False):
            too_large_and_sent_all_the_same(server.port, announced=announced)
        assert "Traceback" not in server.text()


def too_large_and_sent_all_the_same(port: int, *, announced: bool) -> None:
    """No server resets the connection, which would take the answer away; it is good for the next request."""
    url = "/upload?" + UploadSigner([SECRET], "files").query("upload", "big", int(time.time()) + 60)
    with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as client:
        length = {"Content-Length": str(20_000_000)} if announced else {}
        content = (bytes(1_000_000) for _ in range(20))
        client.request("PUT", url, content, length, encode_chunked=not announced)
        answer = client.getresponse()
        assert (answer.status, json.loads(answer.read())["error"]) == (413, "too-large")
        client.request("PUT", url, b"small")
        assert client.getresponse().status == 204
