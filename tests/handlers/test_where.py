"""Where each kind of handler runs, and what it cannot stop (I9)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.cluster.tools import eventually, seconds, send
from tests.steps import Click, Resize, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.handlers.tools import Kinds

ASYNC = ("coroutine", "async generator", "async pubsub", "run_task")
OF_PAGE = ("before_main", "main", "sync", "generator", "pubsub", "resize", "route_change")
GOING = ("connect", "disconnect", "close")
in_threads = pytest.mark.parametrize("kinds", ["thread"], indirect=True)


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    """Users who leave are soon gone for good."""
    return {"FLET_CLUSTER_DISCONNECT_GRACE": "0.1", "FLET_CLUSTER_SESSION_TIMEOUT": seconds(2)}


def threads(kinds: Kinds, *routes: str) -> dict[str, set[str]]:
    """In which threads each kind ran; the numbers of worker threads say nothing."""
    found: dict[str, set[str]] = {}
    for line in [line for route in routes for line in kinds.notes(route)]:
        found.setdefault(line["kind"], set()).add(line["thread"].partition("-")[0])
    return found


async def test_sync_handlers_run_in_worker_threads_and_async_ones_on_the_loop(kinds: Kinds) -> None:
    async with kinds.tab("where") as tab:
        buttons = ("sync", "generator", "coroutine", "async_generator", "say", "background")
        await tab.until(lambda: "sync" in tab.client.texts())
        send(tab, *map(Click, buttons), Resize(800, 600))
        await kinds.until_noted(
            "where", "async pubsub", "run_task", "coroutine end", "run_thread end", "resize end"
        )
        token = tab.link.token
    await kinds.until_noted("where", "disconnect end")
    async with kinds.tab("where", token) as tab:
        send(tab, Route("/elsewhere"))
        await kinds.until_noted("where", "connect end")
        await kinds.until_noted("elsewhere", "route_change end")
    await kinds.until_noted("elsewhere", "close end")
    found = threads(kinds, "where", "elsewhere")
    sync = {*OF_PAGE, *GOING}
    assert {kind: found[kind] for kind in sync} == dict.fromkeys(sync, workers(kinds))
    assert {kind: found[kind] for kind in ASYNC} == {kind: {"MainThread"} for kind in ASYNC}
    assert found["run_thread"] == {"page"}


def workers(kinds: Kinds) -> set[str]:
    """Where sync code is to run."""
    return {"lane"} if kinds.mode == "thread" else {"MainThread"}


async def test_components_and_their_effects_run_there_too(kinds: Kinds) -> None:
    async with kinds.tab("components") as tab:
        await tab.until(lambda: "render" in tab.client.texts())
        await kinds.until_noted("components", "effect end", "async effect")
        send(tab, Click("render"))
        await kinds.until_noted("components", "component end", "cleanup end")
        await eventually(lambda: len(kinds.notes("components", "effect")) == 4, "the second effect ends")
    found = threads(kinds, "components")
    sync = ("component", "effect", "cleanup")
    assert {kind: found[kind] for kind in sync} == dict.fromkeys(sync, workers(kinds))
    assert found["async effect"] == {"MainThread"}


BLOCKING = {
    "before_main": None,
    "main": None,
    "sync": Click("sync"),
    "generator": Click("generator"),
    "pubsub": Click("say"),
    "resize": Resize(800, 600),
    "effect": None,
    "component": Click("render"),
    "cleanup": Click("render"),
}
"""Kind of handler that blocks: what sets it off; None: the page itself."""


@in_threads
@pytest.mark.parametrize("kind", BLOCKING)
async def test_others_are_served_while_a_handler_blocks(kinds: Kinds, kind: str) -> None:
    step = BLOCKING[kind]
    route = f"components/{kind}" if kind in {"effect", "component", "cleanup"} else f"held-{kind}"
    async with kinds.tab(f"free-{kind}") as other:
        await other.until(lambda: "plus" in other.client.texts())
        let_go = kinds.close_gate(route, kind)
        held = kinds.tab(route)
        opening = asyncio.create_task(held.__aenter__())
        try:
            if step is not None:
                tab = await opening
                await tab.until(lambda: bool(tab.client.texts()))
                send(tab, step)
            await kinds.until_noted(route, f"{kind} begin")
            for number in range(1, 11):
                send(other, Click("plus"))
                await other.until(lambda: str(number) in other.client.texts())  # noqa: B023 - used at once
            assert f"{kind} end" not in kinds.noted(route), "ten answers came before it was over"
        finally:
            let_go()
            await opening
            await kinds.until_noted(route, f"{kind} end")
            await held.__aexit__(None, None, None)


async def test_who_blocks_the_loop_is_named_and_counted(kinds: Kinds) -> None:
    async with kinds.tab("deep") as tab:
        await tab.until(lambda: "block" in tab.client.texts())
        let_go = kinds.close_gate("deep", "block")
        try:
            send(tab, Click("block"))
            await eventually(lambda: "blocks the event loop" in kinds.log(), "it is noticed while it blocks")
            assert "block end" not in kinds.noted("deep")
        finally:
            let_go()
        await kinds.until_noted("deep", "block end")
        await eventually(lambda: "the event loop was blocked" in kinds.log(), "it is measured")
    (line,) = [line for line in kinds.log().splitlines() if "blocks the event loop" in line]
    assert "hold_the_loop (" in line, "the innermost function of the app, forty calls up"
    assert "kinds.py:" in line
    assert (await asyncio.to_thread(kinds.metrics))["loop_blocked_total"] >= 1


async def test_an_object_bound_to_a_thread_works_on_the_loop_and_else_the_log_says_what_to_do(
    kinds: Kinds,
) -> None:
    async with kinds.tab("query") as tab:
        await tab.until(lambda: "query" in tab.client.texts())
        send(tab, Click("query"))
        await tab.until(lambda: "inserted" in tab.client.texts() or bool(tab.client.crashes))
        if kinds.mode == "loop":
            assert not tab.client.crashes
        else:
            assert (
                "SQLite objects created in a thread can only be used in that same thread"
                in tab.client.crashes[0]
            )
            assert "FLET_CLUSTER_SYNC_HANDLERS=loop" in kinds.log()
