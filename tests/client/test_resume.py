"""resume.js in a real browser against a real websocket server with faults."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Locator, Page, async_playwright
from tests.client.link_server import LinkServer, until

from flet_cluster.protocol.close import CloseCode, action
from flet_cluster.protocol.instance import is_earlier

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")
BANNER = "#flet-cluster-banner"
NOTICE = "#flet-cluster-notice"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def server() -> AsyncIterator[LinkServer]:
    async with LinkServer() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context()
    context.set_default_timeout(15000)
    yield context
    await context.close()


async def load(
    context: BrowserContext, server: LinkServer, page: Page | None = None, **settings: Any
) -> Page:
    page = page or await context.new_page()
    await page.goto(f"{server.origin}/?set={quote(json.dumps(settings))}")
    return page


async def ready(page: Page) -> None:
    await page.wait_for_function("(window.received || []).some((text) => text.startsWith('page'))")


async def opened(context: BrowserContext, server: LinkServer, **settings: Any) -> Page:
    page = await load(context, server, **settings)
    await ready(page)
    return page


async def echoed(page: Page, count: int) -> list[str]:
    """Wait for that many echoes; then all that was received."""
    await page.wait_for_function(f"received.filter((text) => text.startsWith('echo')).length >= {count}")
    received: list[str] = await page.evaluate("received")
    return [text for text in received if text.startswith("echo")]


async def shown(page: Page, selector: str) -> Locator:
    found = page.locator(selector)
    await found.wait_for()
    return found


def session(server: LinkServer) -> Any:
    assert len(server.sessions) == 1
    return next(iter(server.sessions.values()))


async def progress(server: LinkServer) -> None:
    seen = len(session(server).handled)
    await until(lambda: len(session(server).handled) > seen, "one more input is handled")


async def reconnected(server: LinkServer, connections: int) -> None:
    await until(lambda: len(server.hellos) > connections, "one more hello")


async def test_the_table_of_close_codes_is_the_one_of_the_node(
    context: BrowserContext, server: LinkServer
) -> None:
    page = await opened(context, server)
    codes = [*range(990, 1020), *range(3990, 5010)]
    assert await page.evaluate("(codes) => codes.map(WebSocket.fletCluster.action)", codes) == [
        action(code) for code in codes
    ]


async def test_it_is_a_websocket_to_everybody(context: BrowserContext, server: LinkServer) -> None:
    page = await opened(context, server)
    assert await page.evaluate(
        """() => [socket instanceof WebSocket, WebSocket.OPEN, socket.OPEN, socket.readyState, socket.url,
        socket.protocol, socket.bufferedAmount, socket.constructor === WebSocket, WebSocket.name,
        Object.prototype.toString.call(socket)]"""
    ) == [
        *(True, 1, 1, 1, server.origin.replace("http", "ws") + "/ws"),
        *("", 0, True, "WebSocket", "[object WebSocket]"),
    ]


async def test_handlers_and_every_kind_of_data(context: BrowserContext, server: LinkServer) -> None:
    page = await opened(context, server)
    await page.evaluate(
        """() => { window.seen = []; socket.onmessage = () => seen.push('old');
        socket.onmessage = (e) => seen.push(new TextDecoder().decode(e.data));
        const shared = new TextEncoder().encode('..\\0a..');
        socket.send(shared.subarray(2, 4)); shared.fill(0);
        socket.send(new TextEncoder().encode('\\0b').buffer); socket.send('\\0c'); }"""
    )
    assert await echoed(page, 3) == ["echo a", "echo b", "echo c"]
    assert await page.evaluate("seen") == ["\0echo a", "\0echo b", "\0echo c"]
    assert await page.evaluate("(socket.onmessage = null, socket.onmessage)") is None
    assert (
        await page.evaluate("{ let x; try { socket.send(new Blob([])) } catch (e) { x = e.name } x }")
        == "TypeError"
    )


async def test_other_urls_get_the_browsers_own_socket(context: BrowserContext, server: LinkServer) -> None:
    page = await opened(context, server)
    async with LinkServer() as foreign:
        for url in (
            f"{foreign.origin.replace('http', 'ws')}/ws",
            f"{server.origin.replace('http', 'ws')}/other",
        ):
            answer = await page.evaluate(
                """(url) => new Promise((resolve) => { const other = new WebSocket(url);
                other.onopen = () => other.send('plain'); other.onmessage = (e) => resolve(e.data); })""",
                url,
            )
            assert answer == "plain"
        assert foreign.hellos == []
    assert len(server.hellos) == 1


async def test_exactly_once_both_ways_over_dozens_of_cuts(
    context: BrowserContext, server: LinkServer
) -> None:
    page = await opened(context, server)
    await page.evaluate("window.n = 0; window.typing = setInterval(() => { sendText(String(n++)); }, 5)")
    for cut in range(36):
        await progress(server)
        connections, handled = len(server.hellos), len(session(server).handled)
        if cut % 3:
            server.cut()
        else:
            await server.close([CloseCode.MOVED, CloseCode.STORE_UNAVAILABLE, 1001, 1012][cut // 3 % 4])
        await reconnected(server, connections)
        assert (server.hellos[-1].sent or 0) >= handled, "it says how far it had sent"
    total = await page.evaluate("clearInterval(typing), n")
    expected = [str(n) for n in range(total)]
    assert await echoed(page, total) == [f"echo {n}" for n in expected]
    assert session(server).handled == expected
    assert len(server.hellos) >= 37
    assert {hello.instance for hello in server.hellos} == {session(server).instance}
    assert await page.evaluate("events") == ["open"]


async def test_nothing_is_lost_while_no_node_answers(context: BrowserContext, server: LinkServer) -> None:
    page = await opened(context, server)
    server.refuse = True
    server.cut()
    await page.wait_for_selector(BANNER)
    await page.evaluate("for (let i = 0; i < 50; i++) sendText(String(i))")
    assert await page.evaluate("socket.readyState") == 1
    assert await page.evaluate("socket.bufferedAmount") > 50
    attempts = server.attempts
    await until(lambda: server.attempts > attempts + 3, "it keeps trying")
    server.refuse = False
    assert await echoed(page, 50) == [f"echo {n}" for n in range(50)]
    await page.wait_for_selector(BANNER, state="detached")


async def test_the_banner_lets_clicks_through_and_moves_nothing(
    context: BrowserContext, server: LinkServer
) -> None:
    page = await opened(context, server)
    before = await page.locator("#below").bounding_box()
    server.refuse = True
    server.cut()
    banner = await shown(page, BANNER)
    assert await banner.get_attribute("role") == "status"
    style = "(e) => [getComputedStyle(e).position, getComputedStyle(e).pointerEvents]"
    assert await banner.evaluate(style) == ["fixed", "none"]
    assert await page.locator("#below").bounding_box() == before
    await page.click("#below")
    assert await page.text_content("#below") == "clicked"


async def test_a_node_that_went_silent_is_noticed_after_a_send(
    context: BrowserContext, server: LinkServer
) -> None:
    page = await opened(context, server, sendPing=50, sendPong=50)
    server.mute = True
    await page.evaluate("sendText('x')")
    await page.wait_for_function("states.some((state) => state.state === 'offline' && state.code === 4105)")
    server.mute = False
    server.cut()
    assert await echoed(page, 1) == ["echo x"]


async def test_a_node_that_went_silent_is_noticed_while_idle(
    context: BrowserContext, server: LinkServer
) -> None:
    page = await opened(context, server, idlePing=50, idlePong=50)
    server.mute = True
    await page.wait_for_function("states.some((state) => state.state === 'offline' && state.code === 4105)")


async def test_a_slow_commit_is_not_a_dead_node(context: BrowserContext, server: LinkServer) -> None:
    page = await opened(context, server, sendPing=20, sendPong=2000, idlePing=40)
    server.hold = True
    await page.evaluate("sendText('x')")
    await page.wait_for_timeout(300)
    assert len(server.hellos) == 1
    await server.commit()
    assert await echoed(page, 1) == ["echo x"]


async def test_the_window_is_kept_and_output_acknowledged(
    context: BrowserContext, server: LinkServer
) -> None:
    page = await opened(context, server)
    server.hold = True
    await page.evaluate("for (let i = 0; i < 30; i++) sendText(String(i))")
    await until(lambda: len(session(server).handled) == 8, "the window is used")
    await server.commit()
    assert await echoed(page, 30) == [f"echo {n}" for n in range(30)]
    for n in range(10):
        await server.push(f"\0tick {n}".encode())
    await until(lambda: len(session(server).outbox) == 0, "all output is acknowledged")
    assert len(server.hellos) == 1


async def test_raw_channel_packets_pass_while_connected(context: BrowserContext, server: LinkServer) -> None:
    page = await opened(context, server)
    await page.evaluate("socket.send(new Uint8Array([1, 7, 7]))")
    await until(lambda: server.datagrams == [b"\x01\x07\x07"], "the packet")
    await server.push(b"\x01\x08")
    await page.wait_for_function("JSON.stringify(raw[raw.length - 1]) === '[1,8]'")
    assert session(server).rx == 1


async def test_a_reload_keeps_the_session(context: BrowserContext, server: LinkServer) -> None:
    page = await opened(context, server)
    await page.evaluate("sendText('before')")
    await echoed(page, 1)
    for _ in range(3):
        await page.reload()
        await ready(page)
        assert "page 1" in await page.evaluate("received")
    assert session(server).handled == ["before"]
    assert len({hello.instance for hello in server.hellos}) == 4
    assert [hello.token for hello in server.hellos] == [None, "token-1", "token-1", "token-1"]
    assert await page.query_selector(NOTICE) is None


async def test_a_whole_page_counts_when_it_is_there(context: BrowserContext, server: LinkServer) -> None:
    page = await opened(context, server)
    await page.evaluate("sendText('one')")
    await echoed(page, 1)
    server.trimmed = server.hold = True
    for connections in (1, 2):  # the node that announced the page dies before it could send it
        server.cut()
        await reconnected(server, connections)
    assert [hello.rx for hello in server.hellos] == [0, 2, 2]
    await server.commit()
    await page.wait_for_function("received.filter((text) => text.startsWith('page')).length == 2")
    server.trimmed = False
    server.cut()
    await reconnected(server, 3)
    assert server.hellos[-1].rx == 4
    await page.evaluate("sendText('two')")
    assert await echoed(page, 2) == ["echo one", "echo two"]


async def test_page_loads_of_a_tab_are_numbered(context: BrowserContext, server: LinkServer) -> None:
    page = await opened(context, server)
    for _ in range(2):
        await page.reload()
        await ready(page)
    instances = [hello.instance for hello in server.hellos]
    assert [is_earlier(one, two) for one, two in itertools.pairwise(instances)] == [True, True]


@pytest.mark.parametrize("locks", [True, False])
async def test_a_duplicated_tab_gets_a_session_of_its_own(
    context: BrowserContext, server: LinkServer, locks: bool
) -> None:
    if not locks:
        await context.add_init_script("Object.defineProperty(navigator, 'locks', { value: undefined })")
    page = await opened(context, server)
    async with context.expect_page() as popup:
        await page.evaluate("window.open(location.href)")
    copy = await popup.value
    await ready(copy)
    assert [hello.token for hello in server.hellos] == [None, None]
    assert await copy.evaluate("sessionStorage.getItem('flet-cluster:/ws:token')") == "token-2"
    await page.reload()
    await ready(page)
    await copy.reload()
    await ready(copy)
    assert [hello.token for hello in server.hellos[2:]] == ["token-1", "token-2"]


async def test_two_restored_copies_of_a_tab_agree_without_locks(
    context: BrowserContext, server: LinkServer
) -> None:
    await context.add_init_script("Object.defineProperty(navigator, 'locks', { value: undefined })")
    page = await opened(context, server)
    async with context.expect_page() as popup:
        await page.evaluate("window.open(location.href)")
    copy = await popup.value
    await ready(copy)
    for tab in (page, copy):  # nobody holds the token while both come back with it
        await tab.goto("about:blank")
    pages = [await context.new_page() for _ in range(2)]
    for tab in pages:
        await tab.add_init_script("sessionStorage.setItem('flet-cluster:/ws:token', 'token-1')")
        await tab.goto(
            f"{server.origin}/?set={quote(json.dumps({'askPatience': 4000}))}", wait_until="commit"
        )
    for tab in pages:
        await ready(tab)
    assert sorted(str(hello.token) for hello in server.hellos[2:]) == ["None", "token-1"]


@pytest.mark.parametrize("how", ["frame", "code"])
async def test_a_lost_session_is_said_and_stale_input_never_arrives(
    context: BrowserContext, server: LinkServer, how: str
) -> None:
    page = await opened(context, server)
    server.refuse = True
    server.cut()
    await page.evaluate("sendText('stale')")
    if how == "frame":
        server.sessions.clear()
        server.refuse = False
    else:
        server.refuse, server.mute = False, True
        await until(lambda: server.live, "connected again")
        await server.close(CloseCode.EXPIRED, "expired")
        server.mute = False
    notice = await shown(page, NOTICE)
    assert await notice.get_attribute("role") == "status"
    assert "restarted (expired)" in await notice.inner_text()
    await ready(page)
    assert server.hellos[-1].token is None
    assert (
        server.sessions[await page.evaluate("sessionStorage.getItem('flet-cluster:/ws:token')")].handled == []
    )
    await page.click(f"{NOTICE} button")
    assert await page.query_selector(NOTICE) is None
    await page.reload()
    await ready(page)
    assert await page.query_selector(NOTICE) is None


async def test_resets_do_not_become_a_loop(context: BrowserContext, server: LinkServer) -> None:
    page = await opened(context, server)
    await server.close(CloseCode.OUTDATED, "outdated")
    await page.wait_for_selector(f"{NOTICE} >> text=restarted (the app was updated)")
    await ready(page)
    loads = len(server.hellos)
    await server.close(CloseCode.OUTDATED, "outdated")
    button = await shown(page, f"{NOTICE} >> text=Reload")
    await page.wait_for_timeout(200)
    assert len(server.hellos) == loads
    await button.click()
    await page.wait_for_selector(f"{NOTICE} >> text=restarted (the app was updated)")
    await ready(page)


async def test_an_upgraded_session_is_loaded_anew_under_its_old_token(
    context: BrowserContext, server: LinkServer
) -> None:
    page = await opened(context, server)
    token = await page.evaluate("sessionStorage.getItem('flet-cluster:/ws:token')")
    before = server.hellos[-1]
    await server.close(CloseCode.UPGRADED, "upgraded")
    await page.wait_for_selector(f"{NOTICE} >> text=restarted (the app was updated)")
    await ready(page)
    hello = server.hellos[-1]
    assert (hello.token, hello.rx) == (token, 0)
    assert hello.instance != before.instance


async def test_a_node_that_forgot_acknowledged_input_is_a_reset(
    context: BrowserContext, server: LinkServer
) -> None:
    page = await opened(context, server)
    await page.evaluate("sendText('x')")
    await echoed(page, 1)
    session(server).rx = 0
    server.cut()
    await page.wait_for_selector(f"{NOTICE} >> text=restarted (its server lost its latest state)")


@pytest.mark.parametrize("code", [CloseCode.REPLACED, CloseCode.FORBIDDEN, 1008])
async def test_stop_ends_it_for_the_app_too(context: BrowserContext, server: LinkServer, code: int) -> None:
    page = await opened(context, server)
    await server.close(code, "because")
    await page.wait_for_selector(f"{NOTICE} >> text=Reload")
    assert await page.evaluate("[socket.readyState, events]") == [3, ["open", f"close{int(code)}"]]
    await page.evaluate("openSocket()")  # Flutter tries again on its own
    await page.wait_for_function("events.length === 4")
    assert await page.evaluate("events") == ["open", f"close{int(code)}", "error", f"close{int(code)}"]
    assert len(server.hellos) == 1


async def test_a_packet_that_no_node_takes_stops_it(context: BrowserContext, server: LinkServer) -> None:
    page = await opened(context, server)
    await page.evaluate("socket.send(new Uint8Array(1000))")
    await page.wait_for_selector(f"{NOTICE} >> text=too-big")
    assert await page.evaluate("socket.readyState") == 3


async def test_more_input_than_can_be_kept_is_said_and_the_page_brought_up_to_date(
    context: BrowserContext, server: LinkServer
) -> None:
    page = await opened(context, server, queueFrames=5)
    server.refuse = True
    server.cut()
    await page.evaluate("for (let i = 0; i < 9; i++) sendText(String(i))")
    await page.wait_for_selector(f"{BANNER} >> text=not kept")
    server.refuse = False
    await page.wait_for_selector(f"{NOTICE} >> text=not kept")
    await ready(page)
    assert session(server).handled == [str(n) for n in range(5)]
    assert "page 5" in await page.evaluate("received")


async def test_closing_by_the_app_closes_and_a_new_socket_is_a_new_instance(
    context: BrowserContext, server: LinkServer
) -> None:
    page = await opened(context, server)
    await page.evaluate("socket.close()")
    await page.wait_for_function("events.includes('close1000')")
    await page.evaluate("received = []; openSocket()")
    await ready(page)
    assert [hello.token for hello in server.hellos] == [None, "token-1"]
    assert server.hellos[0].instance != server.hellos[1].instance


async def test_plain_servers_are_passed_through(context: BrowserContext, server: LinkServer) -> None:
    server.plain = True
    page = await load(context, server)
    await page.wait_for_function("received.length === 1")
    assert server.plain_messages == [b"\0REGISTER"]
    server.refuse = True
    await page.evaluate("socket.close(3001, 'bye')")
    await page.wait_for_function("events.includes('close3001')")
    assert server.hellos == []


async def test_it_waits_for_the_first_node(context: BrowserContext, server: LinkServer) -> None:
    server.refuse = True
    page = await load(context, server)
    await page.wait_for_selector(BANNER)
    assert await page.evaluate("[socket.readyState, events]") == [0, []]
    assert (
        await page.evaluate("{ let x; try { sendText('') } catch (e) { x = e.name } x }")
        == "InvalidStateError"
    )
    server.refuse = False
    await ready(page)
    await page.wait_for_selector(BANNER, state="detached")


async def test_coming_back_online_does_not_wait_for_timers(
    context: BrowserContext, server: LinkServer
) -> None:
    page = await opened(context, server, firstJitter=9e6, backoff=9e6, backoffCap=9e6)
    server.cut()
    await page.wait_for_function("states[states.length - 1].state === 'offline'")
    await page.evaluate("dispatchEvent(new Event('online'))")
    await until(lambda: len(server.hellos) == 2, "connected at once")


async def test_going_into_the_back_forward_cache_and_out(context: BrowserContext, server: LinkServer) -> None:
    page = await opened(context, server)
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    await until(lambda: not server.live, "the socket is closed")
    assert (await page.evaluate("navigator.locks.query()"))["held"] == []
    await page.evaluate("sendText('kept')")
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    assert await echoed(page, 1) == ["echo kept"]
    assert len((await page.evaluate("navigator.locks.query()"))["held"]) == 1


async def test_a_wire_that_repeats_or_loses_output_heals(context: BrowserContext, server: LinkServer) -> None:
    page = await opened(context, server)
    link, record = next(iter(server.live.values()))
    assert record is not None
    record.waiting.clear()
    record.outbox.append(b"\0echo lost")
    link.sent += 1  # the node believes that it was sent
    await page.evaluate("sendText('next')")
    assert await echoed(page, 2) == ["echo lost", "echo next"]
    assert len(server.hellos) == 2


async def test_a_page_that_may_keep_nothing_has_storages_that_last_as_long_as_it(
    context: BrowserContext, server: LinkServer
) -> None:
    page = await context.new_page()
    await page.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name,"
        "  {get() { throw new DOMException('denied', 'SecurityError') }, configurable: true})"
    )
    await load(context, server, page)
    seen = await page.evaluate(
        """() => {
          localStorage.setItem('one', 1);
          localStorage.two = '2';
          const all = [localStorage.getItem('one'), localStorage.two, localStorage.length,
            localStorage.key(1)];
          const names = Object.keys(localStorage);
          localStorage.removeItem('one');
          return [all, names, localStorage.getItem('one'), sessionStorage.length, 'one' in localStorage];
        }"""
    )
    assert seen == [["1", "2", 2, "two"], ["one", "two"], None, 0, False]
