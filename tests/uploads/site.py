"""Two nodes that share a folder of uploads, and who asks them."""

from __future__ import annotations

import contextlib
import json
import re
import time
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from tests.cluster.tools import Place
from tests.fleet import SECRET, Fleet
from tests.steps import Change, Click, Find
from tests.tab import open_tab

from flet_cluster.blobs.signing import DOWNLOAD, UPLOAD, UploadSigner, Use

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fleet import FleetNode
    from tests.tab import Tab

APP = str(Path(__file__).with_name("app.py"))
LIMIT = 150_000_000

MEBIBYTE = 1 << 20

CODES = {
    400: {"bad-name", "incomplete", "bad-url"},
    403: {"bad-signature"},
    404: {"missing"},
    405: {"bad-method"},
    410: {"expired"},
    413: {"too-large"},
    416: {"bad-range"},
    502: {"store-unusable"},
    507: {"store-full"},
}
"""What programs are told, for each status."""


@dataclass
class Site:
    """Two nodes that share a folder of uploads."""

    fleet: Fleet
    folder: Path

    @property
    def signer(self) -> FleetNode:
        return self.fleet.nodes[0]

    @property
    def taker(self) -> FleetNode:
        return self.fleet.nodes[1]

    def at(self, path: str) -> str:
        """An address on the node that did not sign."""
        return f"http://127.0.0.1:{self.taker.port}{path}"

    def signed(
        self, name: str, seconds: float = 60, endpoint: str = "upload", use: Use = UPLOAD, **other: str
    ) -> str:
        """A URL as any node signs it; also for names that ours refuse to sign."""
        signer = UploadSigner([other.get("secret", SECRET)], other.get("app", self.fleet.app_name), use)
        return self.at("/upload?" + signer.query(endpoint, name, int(time.time() + seconds)))

    def readable(self, name: str, seconds: float = 60, **other: str) -> str:
        """A URL for reading, as :meth:`signed`."""
        return self.signed(name, seconds, use=DOWNLOAD, **other)

    def files(self) -> list[str]:
        return sorted(
            path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()
        )


async def put(url: str, content: bytes) -> httpx.Response:
    """Upload, while the tabs of the test go on."""
    async with httpx.AsyncClient() as browser:
        return await browser.put(url, content=content)


@contextlib.asynccontextmanager
async def tab_on(node: FleetNode) -> AsyncIterator[Tab]:
    async with open_tab(Place(node)) as tab:
        yield tab


async def shown(tab: Tab, name: str, seconds: int = 600) -> str:
    """What the app gets for ``page.get_upload_url``."""
    await tab.do(Change(Find("name", type="TextField"), name))
    await tab.do(Change(Find("seconds", type="TextField"), str(seconds)))
    await tab.do(Click("url"))
    (text,) = [text for text in tab.client.texts() if text.startswith("URL: ")]
    return text.removeprefix("URL: ")


def refused(answer: httpx.Response, status: int, reason: str) -> None:
    """It was refused in a way that people and programs understand."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    body = json.loads(answer.text)
    assert body.keys() == {"error", "detail"}
    assert reason in body["detail"]
    assert body["error"] in CODES[status]
    about_the_url = "parameter" in body["detail"]
    assert (body["error"] == "bad-url") == about_the_url


def announced(node: FleetNode, path: str, size: int) -> tuple[int, str]:
    """Begin an upload of so many bytes, send a part of it, and return what is answered to that."""
    with closing(HTTPConnection("127.0.0.1", node.port, timeout=20)) as client:
        client.putrequest("PUT", path)
        client.putheader("Content-Length", str(size))
        client.endheaders(b"x" * 1000)
        answer = client.getresponse()
        return answer.status, answer.read().decode()


def peak(node: FleetNode) -> int:
    """The most memory a node ever had, bytes."""
    status = Path(f"/proc/{node.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024
