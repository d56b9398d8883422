"""How much the first visit and the next ones transfer, and that the app can be installed."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.chromium.loads import compressed_client, profile, visit
from tests.chromium.screen import PATIENCE
from tests.chromium.wire import wire_to
from tests.fleet import Fleet
from tests.shell.running import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

RESUME = "flet-cluster/resume.js"
AGAIN = 20_000


@pytest.fixture(scope="module")
def web_cache() -> Path:
    return compressed_client(ROOT / "artifacts" / "web-cache")


@pytest.fixture
def fleet(valkey: str, web_cache: Path, tmp_path: Path) -> Iterator[Fleet]:
    app = str(ROOT / "tests" / "apps" / "counter.py")
    nodes = Fleet(app, valkey, tmp_path, {"FLET_CLUSTER_CACHE_DIR": str(web_cache)})
    yield nodes
    nodes.stop()


@pytest.mark.parametrize(("renderer", "engine"), [("auto", "skwasm.wasm"), ("canvaskit", "canvaskit.wasm")])
def test_first_visit_is_small_and_the_next_ones_are_nearly_nothing(
    chromium: Browser, fleet: Fleet, tmp_path: Path, renderer: str, engine: str
) -> None:
    """Stock Flet sends everything as it is; the files are the same, but for resume.js."""
    with ExitStack() as stack:
        first = fleet.add(FLET_CLUSTER_WEB_RENDERER=renderer)
        wire = stack.enter_context(wire_to(first.port))
        with profile(chromium.browser_type, tmp_path / "profile") as context:
            cold, warm = (visit(context, wire.url, "Count: 0") for _ in range(2))
        stock = sum(size for name, size in cold.content.items() if RESUME not in name)
        assert any(name.endswith(engine) for name in cold.sent), cold.sent
        assert stock > 14_000_000
        assert cold.bytes_sent <= stock / 3, cold.sent
        assert warm.bytes_sent < AGAIN, warm.sent
        wire.target = fleet.add(FLET_CLUSTER_WEB_RENDERER=renderer).port
        first.terminate()
        with profile(chromium.browser_type, tmp_path / "profile") as context:
            other = visit(context, wire.url, "Count: 0")
        assert other.asked == warm.asked
        assert other.bytes_sent < AGAIN, other.sent
    print(f"{renderer}: {stock} -> {cold.bytes_sent}, then {warm.bytes_sent}, {other.bytes_sent}")


def test_the_app_can_be_installed(chromium: Browser, fleet: Fleet, tmp_path: Path) -> None:
    node = fleet.add(
        FLET_CLUSTER_PWA_NAME="Shop of Ada",
        FLET_CLUSTER_PWA_SHORT_NAME="Shop",
        FLET_CLUSTER_PWA_DESCRIPTION="Sells things",
        FLET_CLUSTER_PWA_THEME_COLOR="#102030",
        FLET_CLUSTER_PWA_BACKGROUND_COLOR="#405060",
    )
    with profile(chromium.browser_type, tmp_path / "profile") as context:
        page = context.new_page()
        page.goto(f"http://localhost:{node.port}/")
        page.locator("flt-semantics-placeholder").wait_for(state="attached", timeout=PATIENCE)
        session = context.new_cdp_session(page)
        assert session.send("Page.getInstallabilityErrors") == {"installabilityErrors": []}
        manifest = session.send("Page.getAppManifest")
        assert manifest["errors"] == []
    names = json.loads(manifest["data"])
    assert (names["name"], names["short_name"], names["description"]) == (
        "Shop of Ada",
        "Shop",
        "Sells things",
    )
    assert (names["theme_color"], names["background_color"]) == ("#102030", "#405060")
