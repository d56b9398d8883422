"""``flet_cluster.fastapi`` in place of ``flet.fastapi``: Flet's own examples, hosted unchanged."""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from tests.asgi.servers import cluster, serving, sockets
from tests.fleet import SECRET
from tests.oauth.conftest import Visitor
from tests.oauth.provider import Answer, visit
from tests.oauth.test_sign_in import begin, state_in
from tests.shell.running import eventually
from tests.steps import Click
from tests.tab import open_tab
from websockets.sync.client import connect
from websockets.typing import Origin

from flet_cluster.blobs.signing import UploadSigner
from flet_cluster.http.slash import slash_route

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.asgi.servers import Server


@pytest.fixture(scope="module")
def several() -> Iterator[Server]:
    with serving("flet-cluster", "several.py:app", ready="/readyz") as server:
        yield server


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def parts(uploads: Path) -> Iterator[Server]:
    with serving("flet-cluster", "parts.py:app", {"UPLOADS": str(uploads)}, "/readyz") as server:
        yield server


async def get(url: str) -> httpx.Response:
    """Fetch something, while a test has an event loop."""
    async with httpx.AsyncClient() as client:
        return await client.get(url)


def setting(page: str, name: str) -> str:
    """A value of the page's configuration."""
    found = re.search(rf"^flet\.{name} = \"?(.*?)\"?;$", page, re.MULTILINE)
    assert found is not None, f"{name} in {page}"
    return found[1]


async def test_several_apps_have_sessions_of_their_own(several: Server) -> None:
    async with (
        open_tab(lambda: [several.socket("/ws")]) as root,
        open_tab(lambda: [several.socket("/sub-app/ws")]) as sub,
    ):
        await root.do(Click("plus"))
        assert "Count: 1" in root.client.texts()
        assert "This is root app!" in root.client.texts()
        assert "Count: 0" in sub.client.texts()
        assert "This is sub app!" in sub.client.texts()


def test_several_apps_have_assets_and_pages_of_their_own(several: Server) -> None:
    assert httpx.get(f"{several.url}/whose.txt").text == "of the root\n"
    assert httpx.get(f"{several.url}/sub-app/whose.txt").text == "of the sub app\n"
    root, sub = (httpx.get(several.url + path).text for path in ("/", "/sub-app/"))
    assert '<base href="/">' in root
    assert '<base href="/sub-app/">' in sub
    assert setting(root, "webSocketEndpoint") == "/ws"
    assert setting(sub, "webSocketEndpoint") == "/sub-app/ws"


def test_a_sub_app_is_found_without_its_slash(several: Server) -> None:
    answer = httpx.get(f"{several.url}/sub-app?a=b")
    assert (answer.status_code, answer.headers["location"]) == (307, "sub-app/?a=b")


async def test_a_colon_in_a_path_is_no_scheme() -> None:
    transport = httpx.ASGITransport(Starlette(routes=[slash_route("/apps/javascript:shop")]))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as browser:
        answer = await browser.get("/apps/javascript:shop?a=b")
    assert answer.next_request is not None
    assert str(answer.next_request.url) == "http://test/apps/javascript:shop/?a=b"


def test_several_apps_bind_browsers_by_cookies_of_their_own(several: Server) -> None:
    cookies = [
        httpx.get(several.url + path, headers={"sec-fetch-dest": "document"}).headers["set-cookie"]
        for path in ("/", "/sub-app/")
    ]
    assert "Path=/;" in cookies[0]
    assert "Path=/sub-app;" in cookies[1]
    assert cookies[0].partition("=")[0] != cookies[1].partition("=")[0]


def test_endpoints_on_their_own_agree_on_a_cookie_also_behind_proxies(parts: Server) -> None:
    given = {
        httpx.get(parts.url + path, headers={"sec-fetch-dest": "document"})
        .headers["set-cookie"]
        .partition("=")[0]
        for path in ("/app1/", "/app2/", "/proxied/", "/fixed/")
    }
    with connect(parts.socket("/app1/ws"), origin=Origin(parts.url)) as opened:
        assert opened.response is not None
        header = opened.response.headers["set-cookie"]
    assert "Path=/;" in header
    assert given == {header.partition("=")[0]}


async def test_several_apps_outlive_their_process(valkey: str) -> None:
    env = cluster(valkey, f"several-{secrets.token_hex(3)}")
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(serving("flet-cluster", "several.py:app", env, "/readyz")) for _ in range(2)
        ]
        async with (
            open_tab(lambda: sockets(servers)[:1]) as root,
            open_tab(lambda: sockets(servers, "/sub-app/ws")[:1]) as sub,
        ):
            for tab in (root, sub, sub):
                await tab.do(Click("plus"))
            servers[0].kill()
            for tab in (root, sub):
                await tab.do(Click("plus"))
            assert "Count: 2" in root.client.texts()
            assert "Count: 3" in sub.client.texts()
            assert (root.resumes, sub.resumes) == (1, 1)


@pytest.mark.parametrize("kind", ["flet-cluster", "uvicorn", "daphne"])
async def test_a_flet_app_below_an_existing_application(kind: str) -> None:
    app = "existing.py:app" if kind == "flet-cluster" else "flet_cluster.asgi:app"
    with serving(kind, app, {"FLET_CLUSTER_APP": "existing.py:app"}, "/api/health") as server:
        assert (await get(f"{server.url}/api/health")).json() == {"apps": 1}
        assert '<base href="/flet-app/">' in (await get(f"{server.url}/flet-app/")).text
        async with open_tab(lambda: [server.socket("/flet-app/ws")]) as tab:
            assert "Hello, Flet!" in tab.client.texts()


def test_an_exported_app_keeps_the_scripts_routes() -> None:
    with serving("flet-cluster", "exporting.py") as server:
        assert httpx.get(f"{server.url}/price").json() == {"price": 7}
        assert '<base href="/">' in httpx.get(server.url).text


async def test_an_exported_app_below_its_name() -> None:
    with serving("flet-cluster", "exporting.py", {"FLET_WEB_APP_PATH": "/shop"}, "/shop/") as server:
        assert (await get(f"{server.url}/price")).json() == {"price": 7}
        async with open_tab(lambda: [server.socket("/shop/ws")]) as tab:
            await tab.do(Click("plus"))
            assert "Count: 1" in tab.client.texts()


async def test_each_endpoint_on_its_own(parts: Server) -> None:
    async with (
        open_tab(lambda: [parts.socket("/app1/ws")]) as one,
        open_tab(lambda: [parts.socket("/app2/ws")]) as two,
    ):
        await one.do(Click("more"))
        assert "Hello, Flet!!" in one.client.texts()
        assert "Hello, Flet!" in two.client.texts()
        assert two.client.page.props["title"] == "prepared"


@pytest.mark.parametrize(
    ("path", "base", "endpoint"),
    [
        ("/app1/", "/app1/", "/app1/ws"),
        ("/app2/", "/app2/", "/app2/ws"),
        ("/proxied/", "/outside/proxied/", "/app1/ws"),
        ("/fixed/", "/elsewhere/", "/elsewhere/ws"),
    ],
)
def test_static_files_say_where_the_socket_is(parts: Server, path: str, base: str, endpoint: str) -> None:
    page = httpx.get(parts.url + path).text
    assert f'<base href="{base}">' in page
    assert setting(page, "webSocketEndpoint") == endpoint
    assert setting(page, "assetBase") == base


def test_static_files_take_flets_options(parts: Server) -> None:
    assert setting(httpx.get(f"{parts.url}/app1/").text, "routeUrlStrategy") == "hash"
    assert setting(httpx.get(f"{parts.url}/app2/").text, "webRenderer") == "canvaskit"


async def test_an_upload_goes_where_its_endpoint_is(parts: Server, uploads: Path) -> None:
    async with open_tab(lambda: [parts.socket("/app1/ws")]) as tab, httpx.AsyncClient() as client:
        await tab.do(Click("link"))
        link = next(text for text in tab.client.texts() if "file.txt" in text)
        assert link.startswith("/upload?")
        assert (await client.put(parts.url + link, content=b"far too much")).status_code == 413
        assert (await client.put(parts.url + link[:-1], content=b"small")).status_code == 403
        assert (await client.put(parts.url + link, content=b"small")).is_success
    assert (uploads / "folder" / "file.txt").read_bytes() == b"small"


def test_an_upload_that_is_cut_off_leaves_nothing_and_is_no_error(parts: Server, uploads: Path) -> None:
    query = UploadSigner([SECRET], "").query("upload", "cut/off.txt", int(time.time()) + 60)
    with socket.create_connection(("127.0.0.1", parts.port), timeout=20) as client:
        client.sendall(f"PUT /upload?{query} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc".encode())
        eventually((uploads / "cut").exists, "it is begun")
    eventually(lambda: not (uploads / "cut").exists(), "it is given up")
    assert httpx.get(f"{parts.url}/app1/").is_success
    assert "ClientDisconnect" not in parts.text()


def test_an_answer_that_nobody_waits_for_is_refused_kindly(parts: Server) -> None:
    answer = httpx.get(f"{parts.url}/oauth_callback?state=unknown&code=1")
    assert answer.status_code == 400
    assert "expired" in answer.text


async def test_an_endpoint_of_its_own_knows_the_browser_too(parts: Server) -> None:
    """The cookie of an app that is set up in parts is for the whole host."""
    page = await visit(f"{parts.url}/app1/", headers={"Accept": "text/html"})
    visitor = Visitor(route="/sign-in", cookie=page.headers["set-cookie"].partition(";")[0])
    async with open_tab(lambda: [parts.socket("/app1/ws")], visitor) as tab:
        answer = Answer(f"state={state_in(await begin(tab, visitor))}&code=a-code")
        there = answer.at(urlsplit(parts.url).port or 0)
        for cookie in ("", f"{visitor.cookie.partition('=')[0]}=of-another"):
            refused = await visit(there, headers={"Cookie": cookie})
            assert (refused.status_code, "another browser" in refused.text) == (403, True)
        assert (await visitor.visit(there)).status_code == 200


def test_the_callback_may_be_elsewhere() -> None:
    env = {"FLET_OAUTH_CALLBACK_HANDLER_ENDPOINT": "/signed/in"}
    with serving("flet-cluster", "plain.py", env) as server:
        answers = [
            httpx.get(f"{server.url}{path}?state=a&code=b") for path in ("/signed/in", "/oauth_callback")
        ]
    assert [answer.status_code for answer in answers] == [400, 200], "the other is a page of the app"
    assert "expired" in answers[0].text


def test_no_secret_is_in_the_log() -> None:
    """Not even in that of who debugs: the queries of sign-ins and uploads, and the cookie."""
    debug = {"FLET_CLUSTER_LOG_LEVEL": "debug", "FLET_LOG_LEVEL": "debug"}
    with serving("flet-cluster", "plain.py", debug) as server:
        httpx.get(f"{server.url}/oauth_callback?state=a&code=a-secret-code")
        with connect(server.socket("/ws"), additional_headers={"Cookie": "flet_cluster_x=a-secret-cookie"}):
            pass
        httpx.put(f"{server.url}/upload?f=a&e=1&s=a-secret-signature")
        eventually(lambda: "PUT /upload" in server.text(), "the access log is written")
        assert "GET /oauth_callback HTTP" in server.text()
        assert "a-secret" not in server.text()


def test_nobody_else_needs_the_real_flet_fastapi(parts: Server) -> None:
    assert "Traceback" not in parts.text()
