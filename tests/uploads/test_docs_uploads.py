"""The example of docs/uploads.md, as it is there."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
from tests.fleet import Fleet
from tests.steps import Click, Find
from tests.uploads.site import Site, put, tab_on

PAGE = (Path(__file__).parents[2] / "docs" / "uploads.md").read_text()


async def test_the_example(valkey: str, tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    script, folder = tmp_path / "app" / "main.py", tmp_path / "app" / "uploads"
    folder.mkdir(parents=True)
    script.write_text(example)
    fleet = Fleet(str(script), valkey, tmp_path)
    try:
        site = Site(fleet, folder)
        for node in [fleet.spawn() for _ in range(2)]:
            fleet.wait_ready(node)
        for name, content in {"in/a.png": b"picture", "in/b": b"", "other": b"x"}.items():
            assert (await put(site.signed(name), content)).status_code == 204
        async with tab_on(site.signer) as tab, httpx.AsyncClient() as browser:
            await tab.do(Click("look"))
            assert "in/a.png has 7 bytes, in/b has 0 bytes" in tab.client.texts()
            await tab.do(Click("show"))
            url = tab.client.find(Find(type="Image")).props["src"]
            assert (await browser.get(site.at(url))).content == b"picture"
        assert "Traceback" not in fleet.logs()
    finally:
        fleet.stop()


def test_every_answer_is_in_the_table() -> None:
    from flet_cluster.http.refusals import FAILURES  # noqa: PLC0415  the page is what this module is about

    for status, code in {*FAILURES.values(), (400, "bad-url"), (405, "bad-method"), (416, "bad-range")}:
        assert f"| {status} | `{code}` |" in PAGE
