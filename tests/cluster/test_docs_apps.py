"""The examples of docs/apps.md: as they are there, over a node's death."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.cluster.tools import Place, seconds
from tests.fleet import fleet
from tests.steps import Click
from tests.tab import open_tab

if TYPE_CHECKING:
    from tests.tab import Tab

PAGE = (Path(__file__).parents[2] / "docs" / "apps.md").read_text()
EXAMPLES = {
    re.findall(r"flet_cluster\.(current_event|on_restore|resource|register_portable)", source)[0]: source
    for source in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
}
QUICK = {"FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2), "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(1)}
EXPECTED = {
    "current_event": ("pay", "paid once"),
    "on_restore": ("export", "the export was interrupted, please start it again"),
    "resource": ("add", "a row was added"),
    "register_portable": ("read", "sensor cellar"),
}


def test_every_example_is_tried() -> None:
    assert EXAMPLES.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
async def test_an_example_works_before_and_after_a_crash(name: str, valkey: str, tmp_path: Path) -> None:
    button, text = EXPECTED[name]
    script = tmp_path / "example.py"
    script.write_text(EXAMPLES[name])
    with fleet(str(script), valkey, 2, TMPDIR=str(tmp_path), **QUICK) as nodes:
        holder, heir = nodes.nodes
        place = Place(holder)
        async with open_tab(place) as tab:
            await _press(tab, button, "exporting" if name == "on_restore" else text)
            place.move(heir)
            holder.kill()
            await tab.until(lambda: tab.resumes == 1)
            if name != "on_restore":
                await _press(tab, button, text)
            await tab.until(lambda: text in tab.client.texts())
            assert name != "on_restore" or "moved" in tab.client.texts()
        logs = nodes.logs()
    assert "Traceback" not in logs, logs
    assert "will not survive" not in logs, logs


async def _press(tab: Tab, button: str, text: str) -> None:
    for packet in tab.client.step(Click(button)):
        tab.send(packet)
    await tab.until(lambda: text in tab.client.texts())
