"""``flet_cluster.uploads(page)``: what apps do with files, from every kind of code and on every node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from tests.cluster.tools import Place
from tests.fleet import Fleet
from tests.steps import Change, Click, Find
from tests.tab import open_tab
from tests.uploads.site import APP, tab_on

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tab import Tab
    from tests.uploads.site import Site

KINDS = ["sync", "async", "thread", "task"]
NAME = "in/Ünï — 文件 1.txt"


async def told(tab: Tab, kind: str, what: str) -> str:
    """What the app gets."""
    before = shown(tab)
    await tab.do(Change(Find("what", type="TextField"), what))
    await tab.do(Click(kind))
    await tab.until(lambda: shown(tab) != before)
    return shown(tab).split(" ", 2)[2]


def shown(tab: Tab) -> str:
    (text,) = [text for text in tab.client.texts() if text.startswith("FILES")]
    return text


def fill(site: Site) -> None:
    for name, content in {NAME: b"0123456789", "in/b": b"", "z": b"z" * 3_000_000}.items():
        assert httpx.put(site.signed(name), content=content).status_code == 204


@pytest.mark.parametrize("kind", KINDS)
async def test_files_from_every_kind_of_code(site: Site, kind: str) -> None:
    fill(site)
    async with tab_on(site.signer) as tab:
        assert await told(tab, kind, "list:") == f"[('in/b', 0), ('{NAME}', 10), ('z', 3000000)]"
        assert await told(tab, kind, "list:in/Ü") == f"[('{NAME}', 10)]"
        assert await told(tab, kind, f"read:{NAME}") == "b'0123456789'"
        assert await told(tab, kind, f"stat:{NAME}") == "10"
        assert await told(tab, kind, f"open:{NAME}") == "(10, b'123', b'89', b'456789')"
        url = (await told(tab, kind, f"url:{NAME}")).strip("'")
        assert url.startswith("/upload?f=in/%C3%9C")
        async with httpx.AsyncClient() as browser:
            assert (await browser.get(site.at(url))).content == b"0123456789"
        assert await told(tab, kind, f"delete:{NAME}") == "None"
        assert await told(tab, kind, f"read:{NAME}") == f"BlobMissing: there is no upload {NAME!r}"
    assert site.files() == ["in/b", "z"]


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_names_that_lead_elsewhere(site: Site, kind: str) -> None:
    async with tab_on(site.signer) as tab:
        for what in ("read:../z", "stat:/etc/passwd", "url:a/../../b", "delete:nul", "list:../", "open:a\\b"):
            assert (await told(tab, kind, what)).startswith("BadBlobName: an upload cannot be called"), what


async def test_async_code_may_not_block_everybody(site: Site) -> None:
    fill(site)
    async with tab_on(site.signer) as tab:
        assert "async code write await uploads.aread(name)" in await told(tab, "async", "forbidden:z")
        assert (await told(tab, "async", "stat:z")) == "3000000"


async def test_it_goes_with_the_session(site: Site) -> None:
    fill(site)
    node = site.fleet.add()
    place = Place(node)
    async with open_tab(place) as tab:
        assert await told(tab, "sync", "stat:z") == "3000000"
        place.move(site.taker)
        node.kill()
        await tab.until(lambda: tab.resumes == 1)
        assert await told(tab, "sync", f"read:{NAME}") == "b'0123456789'"
        assert await told(tab, "async", "stat:in/b") == "0"
    assert "will not survive" not in site.fleet.logs()


async def test_without_a_folder(valkey: str, tmp_path: Path) -> None:
    fleet = Fleet(APP, valkey, tmp_path)
    try:
        node = fleet.add()
        async with tab_on(node) as tab:
            for kind in ("sync", "async"):
                text = await told(tab, kind, "list:")
                assert text.startswith("UploadsDisabled: flet_cluster.uploads(page) needs a place"), text
                assert "FLET_UPLOAD_DIR" in text
    finally:
        fleet.stop()
