"""Everything Flet lets a sync handler do: the same on stock Flet, in worker threads and on the loop."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from tests.browser import Browser
from tests.fleet import fleet
from tests.flet_client import FletClient
from tests.handlers import cases
from tests.plain_driver import PlainDriver, plain_session
from tests.shell.running import SLOWNESS
from tests.steps import Click, Script
from tests.stock_server import stock_server

if TYPE_CHECKING:
    from collections.abc import Iterator

QUIET_SECONDS = 0.1
ABREAST = 8
SCRIPT = Script("cases", (), ())
SERVERS = ("stock", "thread", "loop")
EXPECTED: dict[str, list[str]] = {
    # updates
    "nothing_but_a_value": ["updated by Flet"],
    "page_update": ["updated by page"],
    "control_update": ["updated by control"],
    "no_auto_update": ["unchanged", "over;"],
    "generator": ["end of generator"],
    "add_and_remove": ["inserted", "unchanged", f"{len(cases.CASES) + 3};"],
    # errors
    "raises": ["unchanged", "crash: wrong in the handler"],
    "raises_in_a_generator": ["before", "crash: wrong in the generator"],
    "raises_in_a_task": ["unchanged", "ValueError('wrong in the task');"],
    "looks_at_the_error": ["unchanged", "caught;"],
    # tasks
    "run_task": ["unchanged", "from run_task;"],
    "result_of_run_task": ["unchanged", "x; xx;"],
    "run_thread": ["unchanged", "from run_thread;"],
    "create_task": ["unchanged", "handler; task;"],
    "ensure_future": ["unchanged", "task;"],
    "running_loop": ["unchanged", "task;"],
    "event_loop": ["unchanged", "True; task;"],
    "page_loop": ["unchanged", "task; timer;"],
    "task_name": ["unchanged", "mine; task;"],
    "cancelled_task": ["unchanged", "True;"],
    "gather": ["unchanged", "a; b; ['a', 'b'];"],
    "task_in_a_generator": ["unchanged", "a; handler;"],
    # the loop
    "call_soon": ["unchanged", "handler; soon;"],
    "call_later": ["unchanged", "first; second;"],
    "run_in_executor": ["unchanged", "result;"],
    "in_page_executor": ["unchanged", "result;"],
    "to_thread": ["unchanged", "result;"],
    "future_of_the_loop": ["unchanged", "got it;"],
    "plain_future": ["unchanged", "got it;"],
    "event_and_queue": ["unchanged", "from the queue;"],
    "asyncio_run": ["unchanged", "asyncio.run() cannot be called from a running event loop;"],
    "run_until_complete": [
        "unchanged",
        "this event loop is already running; Cannot run the event loop while another loop is running;",
    ],
    # navigation
    "navigate": ["unchanged", "/there;", "call: Page.push_route"],
    "push_route": ["unchanged", "/task;", "call: Page.push_route"],
    "push_route_by_run_task": ["unchanged", "/run-task;", "call: Page.push_route"],
    # dialogs
    "dialog": ["Sure?", "yes", "unchanged"],
    "shown_and_popped": ["unchanged", "True; dismissed;"],
    "snack_bar": ["snack", "unchanged"],
    "drawer": ["unchanged", "in the drawer", "call: View.show_drawer"],
    # services
    "clipboard": ["unchanged", "text;", "call: Clipboard.set", "call: Clipboard.get"],
    "preferences": ["unchanged", "value;", "call: SharedPreferences.set", "call: SharedPreferences.get"],
    "launcher": ["unchanged", "launched;", "call: UrlLauncher.launch_url"],
    "file_picker": ["unchanged", "['a.txt'];", "call: FilePicker.pick_files"],
    "client_call_as_a_task": ["unchanged", "None;", "call: Clipboard.get"],
    # contexts and threads
    "page_of_the_context": ["unchanged", "True;"],
    "page_of_the_context_in_a_task": ["unchanged", "True;"],
    "page_of_the_context_in_a_thread": ["unchanged", "True;"],
    "context_of_the_import": ["unchanged", "set at import; 0.33333;"],
    "context_of_main": ["unchanged", "none;"],
    "context_of_before_main": ["unchanged", "set in before_main;"],
    "context_into_a_task": ["unchanged", "set in the handler;"],
    "context_over_a_yield": ["unchanged", "set before;"],
    "locks": ["unchanged", "False;"],
    "one_handler_calls_another": ["updated by control", "True;"],
    "pubsub": ["unchanged", "heard hello; news: today;"],
    "session_store": ["unchanged", "1;"],
}
"""What the page shows in the end, buttons left out; what was asked of the browser; its error banner."""


@pytest.fixture(scope="module", params=SERVERS)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The same app on one server after the other."""
    if request.param == "stock":
        with stock_server(cases.__name__) as address:
            yield address
    else:
        with fleet(str(cases.__file__), "", 1, FLET_CLUSTER_SYNC_HANDLERS=request.param) as nodes:
            yield nodes.urls[0]


def shown(client: FletClient) -> list[str]:
    """What came of it."""
    texts = [text for text in client.texts() if text and text not in cases.CASES]
    calls = [f"call: {call}" for call in client.calls]
    return [
        *dict.fromkeys(texts),
        *calls,
        *(f"crash: {message.splitlines()[0]}" for message in client.crashes),
    ]


async def until(driver: PlainDriver, expected: list[str]) -> list[str]:
    """Wait until the client shows this and see that it stays so; returns what it shows in the end."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10 * SLOWNESS):
            while shown(driver.client) != expected:  # noqa: ASYNC110  another process: there is no event
                await asyncio.sleep(0.005)
    await asyncio.sleep(QUIET_SECONDS)
    return shown(driver.client)


async def press(driver: PlainDriver, *buttons: str) -> None:
    """Click, one after the other, without waiting."""
    packets = [packet for name in buttons for packet in driver.client.step(Click(name))]
    await driver.act("click", packets, _at_once)


async def _at_once(_driver: PlainDriver) -> None:
    """Do not wait."""


async def begin(driver: PlainDriver) -> None:
    """Register and wait for the page."""
    await driver.act("register", [driver.client.register()], _at_once)
    assert await until(driver, ["unchanged"]) == ["unchanged"]


def browser() -> FletClient:
    """A browser whose user picks a file."""
    picked = [{"id": 1, "name": "a.txt", "size": 1, "path": None}]
    return FletClient(Browser(replies={"FilePicker.pick_files": picked}))


NOT_ALONE = {"until_stopped", "stop", "sync", "coroutine"}


def test_every_case_is_here() -> None:
    assert {*EXPECTED, *NOT_ALONE} == set(cases.CASES)


async def run_case(url: str, name: str, turn: asyncio.Semaphore) -> tuple[str, list[str]]:
    """Run one case in a session of its own."""
    async with turn, plain_session(url, SCRIPT, browser()) as driver:
        await begin(driver)
        await press(driver, name)
        return name, await until(driver, EXPECTED[name])


@pytest.fixture(scope="module")
def outcomes(url: str) -> dict[str, list[str]]:
    """What came of each case, some of them at a time."""

    async def run_all() -> dict[str, list[str]]:
        turn = asyncio.Semaphore(ABREAST)
        return dict(await asyncio.gather(*(run_case(url, name, turn) for name in EXPECTED)))

    return asyncio.run(run_all())


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sync_handler_can(name: str, outcomes: dict[str, list[str]]) -> None:
    assert outcomes[name] == EXPECTED[name]


async def test_a_generator_shows_each_of_its_steps(url: str) -> None:
    client, steps = browser(), list[Any]()
    feed = client.feed

    def look(packet: bytes) -> list[bytes]:
        replies = feed(packet)
        steps.extend(shown(client) if client.registered else [])
        return replies

    client.feed = look  # type: ignore[method-assign]
    async with plain_session(url, SCRIPT, client) as driver:
        await begin(driver)
        del steps[:]
        await press(driver, "generator")
        await until(driver, ["end of generator"])
    assert steps == ["one", "two", "three", "end of generator"]


async def test_a_button_works_while_a_generator_runs(url: str) -> None:
    async with plain_session(url, SCRIPT, browser()) as driver:
        await begin(driver)
        await press(driver, "until_stopped")
        assert await until(driver, ["going"]) == ["going"]
        await press(driver, "stop")
        assert await until(driver, ["stopped"]) == ["stopped"]


async def test_events_start_in_order_and_a_sync_handler_is_over_before_the_next_one_starts(url: str) -> None:
    sync = ("sync", "sync ends")
    journal = "; ".join(("async", *sync, *sync, "async", *sync, "async ends", "async ends")) + ";"
    async with plain_session(url, SCRIPT, browser()) as driver:
        await begin(driver)
        await press(driver, "coroutine", "sync", "sync", "coroutine", "sync")
        assert await until(driver, ["unchanged", journal]) == ["unchanged", journal]
