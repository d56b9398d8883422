"""What a browser is served: the page with the app's settings, files, and what is remembered."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from flet_cluster.application import web_client
from flet_cluster.errors import FletNotSupported
from flet_cluster.http import files
from flet_cluster.http.files import Overlay, media_type
from flet_cluster.http.health import health_routes
from flet_cluster.http.index import WebOptions, base_href, patched_index
from flet_cluster.http.static import WebClient
from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import ASGIApp

RESUME = b"window.resumed = true"


def browser(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.test")


def client(options: WebOptions | None = None, assets: Path | None = None) -> httpx.AsyncClient:
    return browser(WebClient(options or WebOptions(), assets, RESUME))


def settings_of(page: str) -> dict[str, object]:
    found = re.findall(r"^flet\.(\w+) = (.*);$", page, re.MULTILINE)
    return {name: json.loads(value) for name, value in found}


async def test_page_has_the_settings_of_the_app() -> None:
    options = WebOptions(renderer="skwasm", route_strategy="hash", websocket_path="socket", cluster={"a": 1})
    async with client(options) as user:
        page = (await user.get("/")).text
    assert settings_of(page) == {
        "pyodide": False,
        "noCdn": True,
        "webRenderer": "skwasm",
        "routeUrlStrategy": "hash",
        "entrypointBaseUrl": "/",
        "assetBase": "/",
        "webSocketEndpoint": "/socket",
        "canvasKitBaseUrl": "/canvaskit/",
        "fontFallbackBaseUrl": "assets/fonts/",
        "cluster": {"a": 1},
    }


async def test_resume_script_runs_after_the_settings_and_before_flutter() -> None:
    async with client() as user:
        page = (await user.get("/")).text
        url = re.search(r'src="(flet-cluster/resume\.js\?v=\w+)"', page)
        assert url is not None
        places = [
            page.index(part) for part in ("var flet =", "flet.webSocketEndpoint =", url[1], '"python.js"')
        ]
        assert places == sorted(places)
        script = await user.get("/" + url[1])
        assert script.content == RESUME
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (await user.get("/flet-cluster/resume.js?v=other")).headers["cache-control"] == "no-cache"


async def test_with_a_cdn_nothing_is_pinned() -> None:
    async with client(WebOptions(no_cdn=False)) as user:
        assert "canvasKitBaseUrl" not in settings_of((await user.get("/")).text)
        fonts = (await user.get("/assets/FontManifest.json")).json()
        assert "Roboto" not in {font["family"] for font in fonts}


async def test_offline_fonts_are_bundled() -> None:
    async with client() as user:
        fonts = (await user.get("/assets/FontManifest.json")).json()
        assert "Roboto" in {font["family"] for font in fonts}
        assert (await user.get("/assets/fonts/roboto.woff2")).status_code == 200


async def test_rive_is_looked_for_where_the_app_has_it(tmp_path: Path) -> None:
    """The page rewrites its loader's address; without the file there is nothing to ask for."""
    async with client(assets=tmp_path) as user:
        assert 'flet.assetBase + "rive/"' not in (await user.get("/")).text
    (tmp_path / "rive" / "wasm").mkdir(parents=True)
    (tmp_path / "rive" / "wasm" / "rive_native.js").write_text("// Rive")
    async with client(assets=tmp_path) as user:
        assert 'flet.assetBase + "rive/"' in (await user.get("/")).text
    async with client(WebOptions(no_cdn=False), assets=tmp_path) as user:
        assert "rive" not in (await user.get("/")).text


@pytest.mark.parametrize("path", ["", "/", "/index.html", "/shop/42", "/about.html", "/icons/"])
async def test_routes_get_the_page(path: str) -> None:
    async with client() as user:
        answer = await user.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "fletAppConfig" not in answer.text


@pytest.mark.parametrize("path", ["/nothere.png", "/assets/x.json", "/.env", "/.git/config", "/a/.hidden"])
async def test_missing_and_hidden_files_are_not_found(path: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SECRET=1")
    async with client(assets=tmp_path) as user:
        assert (await user.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/%2e%2e/secret.txt", "/..%2fsecret.txt", "/x/%2e%2e/%2e%2e/secret.txt"])
async def test_nothing_outside_the_folders_is_served(path: str, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("sesame")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "link.txt").symlink_to(tmp_path / "secret.txt")
    async with client(assets=tmp_path / "assets") as user:
        for wanted in (path, "/link.txt"):
            answer = await user.get(wanted)
            assert answer.status_code == 404
            assert "sesame" not in answer.text


@pytest.mark.parametrize("path", ["/loop.txt", "/loop/more.txt"])
async def test_links_in_a_circle_are_not_found(path: str, tmp_path: Path) -> None:
    (tmp_path / "loop.txt").symlink_to("loop.txt")
    (tmp_path / "loop").symlink_to("other")
    (tmp_path / "other").symlink_to("loop")
    async with client(assets=tmp_path) as user:
        assert (await user.get(path)).status_code == 404


def test_files_that_come_and_go_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MOST_FILES", 2)
    overlay = Overlay([tmp_path])
    seen = []
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text("content")
        found = overlay.find(f"{number}.txt")
        assert found is not None
        overlay.digest(found)
        seen.append(found)
    assert [overlay.known_digest(found) is not None for found in seen] == [False, True, True]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/main.dart.js", "text/javascript; charset=utf-8"),
        ("/main.dart.mjs", "text/javascript; charset=utf-8"),
        ("/canvaskit/canvaskit.wasm", "application/wasm"),
        ("/manifest.json", "application/json"),
        ("/favicon.png", "image/png"),
    ],
)
async def test_types_do_not_depend_on_the_machine(path: str, kind: str) -> None:
    async with client() as user:
        assert (await user.get(path)).headers["content-type"] == kind


def test_unknown_type() -> None:
    assert media_type("data.unheard-of") == "application/octet-stream"


@pytest.mark.parametrize("path", ["/", "/favicon.png", "/flet-cluster/resume.js", "/manifest.json"])
async def test_known_content_is_not_sent_again_by_any_node(path: str) -> None:
    async with client() as one, client() as other:
        first = await one.get(path)
        again = await other.get(path, headers={"If-None-Match": f'"x", W/{first.headers["etag"]}'})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == first.headers["etag"]
    assert "last-modified" not in first.headers


async def test_changed_file_has_another_etag(tmp_path: Path) -> None:
    async with client(assets=tmp_path) as user:
        (tmp_path / "price.txt").write_text("1")
        first = await user.get("/price.txt")
        (tmp_path / "price.txt").write_text("22")
        second = await user.get("/price.txt", headers={"If-None-Match": first.headers["etag"]})
    assert (second.status_code, second.text) == (200, "22")


async def test_assets_win_over_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "favicon.png").write_bytes(b"mine")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.svg").write_text("<svg/>")
    (tmp_path / "manifest.json").write_text('{"name": "mine", "theme_color": "#123456"}')
    async with client(WebOptions(title="Shop"), tmp_path) as user:
        assert (await user.get("/favicon.png")).content == b"mine"
        assert (await user.get("/images/a.svg")).headers["content-type"].startswith("image/svg+xml")
        manifest = (await user.get("/manifest.json")).json()
    assert manifest == {"name": "Shop", "short_name": "Shop", "theme_color": "#123456"}


async def test_own_index_is_used_and_checked(tmp_path: Path) -> None:
    index = tmp_path / "index.html"
    index.write_text("<head><base href='/'><title>x</title><!-- fletAppConfig --></head>my page")
    async with client(assets=tmp_path) as user:
        assert "my page" in (await user.get("/")).text
    index.write_text("<head><base href='/'></head>")
    with pytest.raises(FletNotSupported, match="fletAppConfig"):
        WebClient(WebOptions(), tmp_path, RESUME)
    index.write_text("<head><!-- fletAppConfig --></head>")
    with pytest.raises(FletNotSupported, match="<base>"):
        WebClient(WebOptions(), tmp_path, RESUME)


async def test_page_knows_where_it_is_mounted() -> None:
    web = WebClient(WebOptions(proxy_path="/proxy"), None, RESUME)
    async with browser(Starlette(routes=[Mount("/apps/shop", web), Mount("/", web)])) as user:
        inner = (await user.get("/apps/shop/cart")).text
        outer = (await user.get("/cart")).text
        assert (await user.get("/apps/shop/favicon.png")).status_code == 200
    assert '<base href="/proxy/apps/shop/">' in inner
    assert settings_of(inner)["webSocketEndpoint"] == "/proxy/apps/shop/ws"
    assert '<base href="/proxy/">' in outer


def test_base_href() -> None:
    assert base_href("", "/") == "/"
    assert base_href("/a/", "b/c") == "/a/b/c/"


def test_names_cannot_break_out_of_the_page() -> None:
    page = (
        '<head><base href=\'/\'><title>x</title><meta name="description" content="y"><!-- fletAppConfig -->'
    )
    options = WebOptions(title="</title><script>", description='"><script>', cluster={"x": "</script>"})
    text = patched_index(page, options, "/", "")
    assert text.count("<script>") == 1
    assert text.count("</script>") == 1


async def test_parts_of_files() -> None:
    async with client() as user:
        whole = await user.get("/main.dart.mjs")
        part = await user.get("/main.dart.mjs", headers={"Range": "bytes=10-19"})
        assert (await user.head("/main.dart.mjs", headers={"Accept-Encoding": ""})).headers[
            "content-length"
        ] == str(len(whole.content))
    assert part.status_code == 206
    assert part.content == whole.content[10:20]


async def test_only_reading() -> None:
    async with client() as user:
        answer = await user.post("/")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


async def test_page_is_isolated_for_threads() -> None:
    async with client() as user:
        headers = (await user.get("/")).headers
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"


def test_missing_client_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLET_WEB_PATH", "/no/where")
    with pytest.raises(FletNotSupported, match=r"flet\[web\]"):
        WebClient(WebOptions(), None, RESUME)


def test_overlay_serves_files_only(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    overlay = Overlay([tmp_path, tmp_path / "missing"])
    assert overlay.find("folder") is None
    assert overlay.find("") is None
    assert overlay.find("a\0b") is None


async def test_health() -> None:
    state = {"alive": "", "ready": "draining"}

    async def ready() -> str:
        return state["ready"]

    async with browser(Starlette(routes=health_routes(lambda: state["alive"], ready))) as prober:
        assert (await prober.get("/healthz")).status_code == 200
        answer = await prober.get("/readyz")
        assert (answer.status_code, answer.json()) == (503, {"status": "draining"})
        state["ready"] = ""
        assert (await prober.get("/readyz")).json() == {"status": "ready"}
        del state["alive"]
        assert (await prober.get("/healthz")).json() == {"status": "KeyError: 'alive'"}


async def test_uploads_among_the_assets_run_no_scripts_in_the_app(tmp_path: Path) -> None:
    settings = Settings.model_validate({"upload_dir": tmp_path / "up/loads", "assets_dir": tmp_path})
    names = ["own.html", "up/loads/in/x.html", "up/loads/x.SVG", "up/loads/x.html.gz", "up/loads/x.png"]
    async with browser(web_client(settings)) as user:
        (tmp_path / "own.html").write_text("our own")
        assert "content-security-policy" not in (await user.get("/own.html")).headers  # nothing uploaded yet
        (tmp_path / "up/loads/in").mkdir(parents=True)
        for name in names:
            (tmp_path / name).write_text("<script>alert(1)</script>" * 100)
        answers = [await user.get(f"/{name}") for name in names]
        for answer, mode in zip(
            answers, [None, "attachment", "attachment", "attachment", "inline"], strict=True
        ):
            assert answer.status_code == 200
            shown = answer.headers.get("content-disposition")
            assert (shown and shown.split(";")[0]) == mode
            assert answer.headers.get("content-security-policy", "").endswith("sandbox") is (mode is not None)
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert answers[3].headers["content-type"] == "application/octet-stream"
        part = await user.get("/up/loads/in/x.html", headers={"Range": "bytes=0-7"})
        assert (part.status_code, part.content) == (206, b"<script>")
        assert part.headers["content-disposition"].startswith("attachment")
