"""What an installed app is called and looks like: settings, own files, wherever it is mounted."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.shell.test_web_client import RESUME, browser

from flet_cluster.application import web_client
from flet_cluster.errors import SettingsError
from flet_cluster.http.index import WebOptions
from flet_cluster.http.static import WebClient
from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


NOWHERE = "/dev/null/none"
ICONS = (
    "icons/icon-192.png",
    "icons/icon-512.png",
    "icons/icon-maskable-192.png",
    "icons/icon-maskable-512.png",
    "icons/apple-touch-icon-192.png",
)
PNG = b"\x89PNG\r\n\x1a\n"
APP = """\
import json
from starlette.testclient import TestClient
import flet_cluster.fastapi as flet_fastapi

def main(page):
    pass

web = flet_fastapi.app(main, app_name="Shop of Ada", app_short_name="Shop", app_description="Sells things")
client = TestClient(web)
print(json.dumps([client.get("/manifest.json").json(), client.get("/").text]))
"""


@pytest.mark.parametrize("path", ["favicon.png", "icons/loading-animation.png", *ICONS])
async def test_each_picture_can_be_the_apps_own(path: str, tmp_path: Path) -> None:
    async with browser(WebClient(WebOptions(), tmp_path, RESUME)) as user:
        theirs = await user.get(f"/{path}")
        assert theirs.headers["content-type"] == "image/png"
        assert theirs.content.startswith(PNG), "Flet has one"
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(PNG + b"mine")
        mine = await user.get(f"/{path}", headers={"If-None-Match": theirs.headers["etag"]})
    assert (mine.status_code, mine.content) == (200, PNG + b"mine")


async def test_every_icon_that_page_and_manifest_name_is_there() -> None:
    async with browser(WebClient(WebOptions(), None, RESUME)) as user:
        page = (await user.get("/")).text
        named = {icon["src"] for icon in (await user.get("/manifest.json")).json()["icons"]}
        assert named | {"icons/apple-touch-icon-192.png"} == set(ICONS)
        assert 'href="icons/apple-touch-icon-192.png"' in page
        for path in ICONS:
            assert (await user.get(f"/{path}")).status_code == 200


@pytest.mark.parametrize(
    ("variable", "value", "key"),
    [
        ("FLET_CLUSTER_PWA_NAME", "Shop of Ada", "name"),
        ("FLET_CLUSTER_PWA_NAME", "Shop of Ada", "short_name"),
        ("FLET_CLUSTER_PWA_SHORT_NAME", "Shop", "short_name"),
        ("FLET_CLUSTER_PWA_DESCRIPTION", 'Sells "things"', "description"),
        ("FLET_CLUSTER_PWA_THEME_COLOR", "#102030", "theme_color"),
        ("FLET_CLUSTER_PWA_BACKGROUND_COLOR", "rebeccapurple", "background_color"),
    ],
)
async def test_settings_change_the_manifest(
    variable: str, value: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLET_CLUSTER_CACHE_DIR", NOWHERE)
    async with browser(web_client(Settings.load())) as user:
        before = (await user.get("/manifest.json")).json()
    monkeypatch.setenv(variable, value)
    async with browser(web_client(Settings.load())) as user:
        after = (await user.get("/manifest.json")).json()
    assert before[key] != value
    assert after[key] == value


def test_wrong_colour_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLET_CLUSTER_PWA_THEME_COLOR", 'red"; x')
    with pytest.raises(SettingsError, match="FLET_CLUSTER_PWA_THEME_COLOR"):
        Settings.load()


def test_names_may_be_given_as_in_flet(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APP)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "import shop"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    manifest, page = json.loads(done.stdout.splitlines()[-1])
    assert (manifest["name"], manifest["short_name"]) == ("Shop of Ada", "Shop")
    assert manifest["description"] == "Sells things"
    assert "<title>Shop of Ada</title>" in page
    assert '<meta name="description" content="Sells things">' in page


@pytest.mark.parametrize("mount", ["", "/apps/shop"])
@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/", 200, "text/html"),
        ("/index.html", 200, "text/html"),
        ("/cart/42", 200, "text/html"),
        ("/about.html", 200, "text/html"),
        ("/cart?page=a.png", 200, "text/html"),
        ("/main.dart.js", 200, "text/javascript"),
        ("/main.dart.mjs", 200, "text/javascript"),
        ("/main.dart.wasm", 200, "application/wasm"),
        ("/manifest.json", 200, "application/json"),
        ("/missing.png", 404, "text/plain"),
        ("/cart/missing.js", 404, "text/plain"),
    ],
)
async def test_routes_are_the_page_and_missing_files_are_missing(
    mount: str, path: str, status: int, kind: str
) -> None:
    web = WebClient(WebOptions(proxy_path="/proxy"), None, RESUME)
    app = Starlette(routes=[Mount(mount or "/", web)])
    async with browser(app) as user:
        answer = await user.get(f"{mount}{path}", headers={"Accept-Encoding": "identity"})
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(kind)
    if kind == "text/html":
        assert f'<base href="/proxy{mount}/">' in answer.text


async def test_own_page_and_manifest_under_a_mount(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<head><base href='/'><!-- fletAppConfig --></head>my page")
    (tmp_path / "manifest.json").write_text('{"name": "mine"}')
    web = WebClient(WebOptions(theme_color="#123456"), tmp_path, RESUME)
    async with browser(Starlette(routes=[Mount("/shop", web)])) as user:
        page = (await user.get("/shop/cart")).text
        manifest = (await user.get("/shop/manifest.json")).json()
    assert "my page" in page
    assert "<base href='/shop/'>" in page
    assert manifest == {"name": "mine", "theme_color": "#123456"}
