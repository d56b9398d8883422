"""``flet_cluster.uploads(page)`` over a bucket: the same as over a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from tests.fleet import Fleet
from tests.uploads.site import APP, put, shown, tab_on
from tests.uploads.test_app_files import NAME, told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.storage import Storage


@pytest.mark.parametrize("kind", ["sync", "async", "thread"])
async def test_files_in_a_bucket(weed: Storage, valkey: str, tmp_path: Path, kind: str) -> None:
    bucket = weed.bucket()
    fleet = Fleet(APP, valkey, tmp_path, weed.env(bucket))
    try:
        node = fleet.add()
        async with tab_on(node) as tab, tab_on(node) as stranger:
            url = await shown(tab, NAME)
            assert (await put(url, b"0123456789")).is_success
            assert (await put(await shown(tab, "z"), b"z" * 3_000_000)).is_success
            assert await told(tab, kind, "list:") == f"[('{NAME}', 10), ('z', 3000000)]"
            assert await told(tab, kind, f"read:{NAME}") == "b'0123456789'"
            assert await told(tab, kind, f"stat:{NAME}") == "10"
            assert await told(tab, kind, f"open:{NAME}") == "(10, b'123', b'89', b'456789')"
            url = (await told(tab, kind, f"url:{NAME}")).strip("'")
            assert url.startswith(weed.endpoint)
            async with httpx.AsyncClient() as browser:
                assert (await browser.get(url)).content == b"0123456789"
            assert await told(stranger, kind, "list:") == "[]"
            assert (await told(stranger, kind, f"read:{NAME}")).startswith("BlobMissing")
            assert await told(tab, kind, f"delete:{NAME}") == "None"
            assert (await told(tab, kind, f"read:{NAME}")).startswith("BlobMissing")
        assert "Traceback" not in fleet.logs()
    finally:
        fleet.stop()
