"""``FletApp`` with a ``main`` made for each request: one app, and for each session its own ``main``."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.asgi.servers import cluster, serving, sockets
from tests.flet_client import FletClient
from tests.steps import Click
from tests.tab import open_tab
from websockets.asyncio.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from tests.asgi.servers import Server
    from tests.tab import Tab

KINDS = {
    "closure": "ten.ws.closure",
    "default": "ten.ws.default",
    "partial": "ten.of_partial",
    "method": "ten.Tenant.main",
    "object": "ten.Tenant.__call__",
    "request": "ten.ws.request",
}
"""How a ``main`` can hold its tenant, and what its app is called."""


@dataclass(frozen=True)
class About:
    """What a process says of itself."""

    apps: list[str]
    threads: int


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("uvicorn", "ten:app", ready="/about") as server:
        yield server


async def about(server: Server) -> About:
    async with httpx.AsyncClient() as client:
        return About(**(await client.get(f"{server.url}/about")).json())


def visit(
    servers: Sequence[Server], kind: str, tenant: str, token: str | None = None
) -> AbstractAsyncContextManager[Tab]:
    """Open a tenant's page on the first server that runs."""
    return open_tab(lambda: sockets(servers, f"/{kind}/{tenant}/ws")[:1], token=token)


async def test_seven_sockets_are_one_app_with_the_threads_of_one(server: Server) -> None:
    threads = set()
    async with contextlib.AsyncExitStack() as stack:
        for number in range(7):
            tenant = f"tenant-{number}"
            tab = await stack.enter_async_context(visit([server], "closure", tenant))
            assert f"{tenant}: 0" in tab.client.texts()
            assert tab.client.page.props["title"] == f"title of {tenant}"
            found = await about(server)
            assert [name for name in found.apps if "closure" in name] == ["ten.ws.closure"]
            threads.add(found.threads)
    assert max(threads) <= min(threads) + 2, "a worker for sync handlers may come later; no node does"


@pytest.mark.parametrize("kind", KINDS)
async def test_each_tenant_has_its_page_and_the_same_session_after_a_reload(
    server: Server, kind: str
) -> None:
    async with visit([server], kind, "one") as one, visit([server], kind, "two") as two:
        await one.do(Click("plus"))
        assert "one: 1" in one.client.texts()
        assert "two: 0" in two.client.texts()
        token = one.link.token
    async with visit([server], kind, "one", token) as again:
        assert "one: 1" in again.client.texts()
        assert again.link.token == token
    async with visit([server], kind, "two", token) as elsewhere:
        assert "one: 1" in elsewhere.client.texts(), "a session keeps its main, whoever asks for it"
    apps = (await about(server)).apps
    assert KINDS[kind] in apps
    assert len(apps) == len(set(apps) & set(KINDS.values()))


@pytest.mark.parametrize(("kind", "heard"), [("closure", "heard: o"), ("method", "heard: ")])
async def test_messages_reach_the_same_tenant_only(server: Server, kind: str, heard: str) -> None:
    """A tenant that is an object of the request's is another one for each request, as in Flet."""
    async with (
        visit([server], kind, "one") as one,
        visit([server], kind, "one") as peer,
        visit([server], kind, "two") as two,
    ):
        await one.do(Click("say"))
        await one.until(lambda: "heard: o" in one.client.texts())
        await two.do(Click("say"))
        await two.until(lambda: "heard: t" in two.client.texts())
        assert "heard: o" in one.client.texts()
        assert heard in peer.client.texts()


@pytest.mark.parametrize("tenant", ["three", "four"])
async def test_a_client_that_speaks_plain_flet_has_its_tenants_page_too(server: Server, tenant: str) -> None:
    client = FletClient()
    async with connect(server.socket(f"/object/{tenant}/ws")) as socket, asyncio.timeout(10):
        await socket.send(client.register())
        while f"{tenant}: 0" not in client.texts():
            message = await socket.recv(decode=False)
            client.feed(message)


@pytest.fixture
def pair(valkey: str) -> Iterator[list[Server]]:
    env = cluster(valkey, f"t-{secrets.token_hex(3)}")
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(serving("uvicorn", "ten:app", env, "/about")) for _ in range(2)]


async def test_a_tenants_session_outlives_its_process(pair: list[Server]) -> None:
    async with contextlib.AsyncExitStack() as stack:
        tabs = {}
        for kind in ("closure", "object", "request"):
            for tenant in ("one", "two"):
                tabs[kind, tenant] = tab = await stack.enter_async_context(visit(pair, kind, tenant))
                await tab.do(Click("plus"))
        before = set((await about(pair[0])).apps)
        pair[0].kill()
        for (_, tenant), tab in reversed(tabs.items()):  # names do not come from the order of visitors
            await tab.do(Click("plus"))
            assert f"{tenant}: 2" in tab.client.texts()
            assert tab.resumes == 1
        assert set((await about(pair[1])).apps) == before
    warnings = [line for line in pair[0].text().splitlines() if "will not survive" in line]
    assert len(warnings) == 2, "until it has run, a main that holds the request's socket cannot travel"
    assert all("main → closure 'websocket'" in line for line in warnings)


@pytest.mark.parametrize("kind", ["closure", "object"])
async def test_the_node_that_takes_over_runs_the_main_that_was_due(valkey: str, kind: str) -> None:
    env = cluster(valkey, f"t-{secrets.token_hex(3)}")
    with (
        serving("uvicorn", "ten_mortal:app", env, "/about") as mortal,
        serving("uvicorn", "ten:app", env, "/about") as heir,
    ):

        def either() -> list[str]:
            return [*sockets([mortal], f"/{kind}/one/ws"), *sockets([heir], f"/{kind}/two/ws")][:1]

        async with visit([heir], kind, "earlier"), open_tab(either) as one:
            assert mortal.process.poll() == -9
            await one.until(lambda: "one: 0" in one.client.texts())
            assert len(set(one.nodes)) == 2
            assert one.client.page.props["title"] == "title of one"
            await one.do(Click("plus"))
            assert "one: 1" in one.client.texts()
