"""What Flet lets a sync handler do: one button each, which writes what came of it into the journal."""

import asyncio
import contextlib
import contextvars
import decimal
import functools
import inspect
import threading
import time
from collections.abc import Callable
from typing import Any

import flet as ft

Case = Callable[["Stage"], Any]
CASES: dict[str, Case] = {}

tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="none")
tenant.set("set at import")
shop: contextvars.ContextVar[str] = contextvars.ContextVar("shop", default="none")
language: contextvars.ContextVar[str] = contextvars.ContextVar("language", default="none")
decimal.getcontext().prec = 5


def case(function: Case) -> Case:
    """Add a case."""
    CASES[function.__name__] = function
    return function


class Stage:
    """A page, and what happened on it."""

    def __init__(self, page: ft.Page) -> None:
        self.page = page
        self.label = ft.Text("unchanged", key="label")
        self.journal = ft.Text("", key="journal")
        self.clipboard = ft.Clipboard()
        self.launcher = ft.UrlLauncher()

    def say(self, what: object) -> None:
        """Write it where the test reads it."""
        self.journal.value = f"{self.journal.value} {what};".strip()
        self.journal.update()

    async def later(self, what: str = "task") -> str:
        """Something to run on the loop."""
        await asyncio.sleep(0)
        self.say(what)
        return what

    async def waits_for(self, future: "asyncio.Future[Any]") -> None:
        """Another thing."""
        self.say(f"got {await future}")


# updates


@case
def nothing_but_a_value(stage: Stage) -> None:
    stage.label.value = "updated by Flet"


@case
def page_update(stage: Stage) -> None:
    stage.label.value = "updated by page"
    stage.page.update()


@case
def control_update(stage: Stage) -> None:
    stage.label.value = "updated by control"
    stage.label.update()


@case
def no_auto_update(stage: Stage) -> None:
    ft.context.disable_auto_update()  # type: ignore[no-untyped-call]
    stage.label.value = "never shown"
    stage.say("over")


@case
def generator(stage: Stage) -> Any:
    for part in ("one", "two", "three"):
        stage.label.value = part
        yield
        time.sleep(0.01)
    stage.label.value = "end of generator"


@case
def add_and_remove(stage: Stage) -> None:
    extra = ft.Text("extra")
    stage.page.add(extra)
    stage.page.insert(0, ft.Text("inserted"))
    stage.page.remove(extra)
    stage.say(len(stage.page.controls))


@case
def until_stopped(stage: Stage) -> Any:
    stage.page.data = "going"
    while stage.page.data == "going":
        stage.label.value = "going"
        yield
        time.sleep(0.005)
    stage.label.value = "stopped"


@case
def stop(stage: Stage) -> None:
    stage.page.data = None


# order


@case
def sync(stage: Stage) -> None:
    stage.say("sync")
    time.sleep(0.02)
    stage.say("sync ends")


@case
async def coroutine(stage: Stage) -> None:
    stage.say("async")
    await asyncio.sleep(0.1)
    stage.say("async ends")


# errors


@case
def raises(stage: Stage) -> None:
    raise ValueError("wrong in the handler")


@case
def raises_in_a_generator(stage: Stage) -> Any:
    stage.label.value = "before"
    yield
    raise ValueError("wrong in the generator")


@case
def raises_in_a_task(stage: Stage) -> None:
    async def fail() -> None:
        raise ValueError("wrong in the task")

    stage.page.run_task(fail).add_done_callback(lambda future: stage.say(repr(future.exception())))


@case
def looks_at_the_error(stage: Stage) -> None:
    try:
        stage.page.get_control(-1).update()  # type: ignore[union-attr]
    except AttributeError:
        stage.say("caught")


# tasks


@case
def run_task(stage: Stage) -> None:
    stage.page.run_task(stage.later, "from run_task")


@case
def result_of_run_task(stage: Stage) -> None:
    stage.page.run_task(stage.later, "x").add_done_callback(lambda future: stage.say(future.result() * 2))


@case
def run_thread(stage: Stage) -> None:
    stage.page.run_thread(stage.say, "from run_thread")


@case
def create_task(stage: Stage) -> None:
    stage.page.data = asyncio.create_task(stage.later())
    stage.say("handler")  # stock's loop is free only when the handler has returned


@case
def ensure_future(stage: Stage) -> None:
    stage.page.data = asyncio.ensure_future(stage.later())


@case
def running_loop(stage: Stage) -> None:
    stage.page.data = asyncio.get_running_loop().create_task(stage.later())


@case
def event_loop(stage: Stage) -> None:
    loop = asyncio.get_event_loop()
    stage.page.data = loop.create_task(stage.later())
    stage.say(loop.is_running() and not loop.is_closed() and loop.time() > 0)


@case
def page_loop(stage: Stage) -> None:
    def make() -> None:
        stage.page.data = stage.page.loop.create_task(stage.later())

    stage.page.loop.call_soon(make)
    stage.page.loop.call_later(0.5, stage.say, "timer")


@case
def task_name(stage: Stage) -> None:
    stage.page.data = asyncio.create_task(stage.later(), name="mine")
    stage.say(stage.page.data.get_name())


@case
def cancelled_task(stage: Stage) -> None:
    task = asyncio.create_task(stage.later("never"))
    task.add_done_callback(lambda done: stage.say(done.cancelled()))
    task.cancel()


@case
def gather(stage: Stage) -> None:
    both = asyncio.gather(stage.later("a"), stage.later("b"))
    both.add_done_callback(lambda done: stage.say(done.result()))
    stage.page.data = both


@case
def task_in_a_generator(stage: Stage) -> Any:
    stage.page.data = asyncio.create_task(stage.later("a"))
    yield
    time.sleep(0.05)
    yield
    stage.say("handler")


# the loop


@case
def call_soon(stage: Stage) -> None:
    asyncio.get_running_loop().call_soon(stage.say, "soon")
    stage.say("handler")


@case
def call_later(stage: Stage) -> None:
    loop = asyncio.get_running_loop()
    loop.call_later(0.4, stage.say, "second")  # so late that a busy machine does not turn them round
    loop.call_at(loop.time() + 0.01, stage.say, "first")
    loop.call_later(0.02, stage.say, "never").cancel()


@case
def run_in_executor(stage: Stage) -> None:
    future = asyncio.get_running_loop().run_in_executor(None, lambda: "result")
    future.add_done_callback(lambda done: stage.say(done.result()))


@case
def in_page_executor(stage: Stage) -> None:
    future = asyncio.get_running_loop().run_in_executor(stage.page.executor, lambda: "result")
    future.add_done_callback(lambda done: stage.say(done.result()))


@case
def to_thread(stage: Stage) -> None:
    task = asyncio.create_task(asyncio.to_thread(lambda: "result"))
    task.add_done_callback(lambda done: stage.say(done.result()))


@case
def future_of_the_loop(stage: Stage) -> None:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stage.page.run_task(stage.waits_for, future)
    asyncio.get_running_loop().call_later(0.01, future.set_result, "it")


@case
def plain_future(stage: Stage) -> None:
    future: asyncio.Future[str] = asyncio.Future()
    stage.page.data = asyncio.create_task(stage.waits_for(future))
    asyncio.get_running_loop().call_later(0.01, future.set_result, "it")


@case
def event_and_queue(stage: Stage) -> None:
    event, queue = asyncio.Event(), asyncio.Queue[str]()

    async def wait() -> None:
        await event.wait()
        stage.say(await queue.get())

    stage.page.run_task(wait)
    event.set()
    queue.put_nowait("from the queue")


@case
def asyncio_run(stage: Stage) -> None:
    coro = stage.later()
    try:
        asyncio.run(coro)
    except RuntimeError as error:
        stage.say(error)
    finally:
        coro.close()


@case
def run_until_complete(stage: Stage) -> None:
    coro = stage.later()
    for loop in (asyncio.get_running_loop(), asyncio.new_event_loop()):
        try:
            loop.run_until_complete(coro)
        except RuntimeError as error:
            stage.say(str(error).rstrip("."))
        if not loop.is_running():
            loop.close()
    coro.close()


# navigation


@case
def navigate(stage: Stage) -> None:
    stage.page.on_route_change = lambda e: stage.say(e.route)
    stage.page.navigate("/there")


@case
def push_route(stage: Stage) -> None:
    stage.page.on_route_change = lambda e: stage.say(e.route)
    stage.page.data = asyncio.create_task(stage.page.push_route("/task"))


@case
def push_route_by_run_task(stage: Stage) -> None:
    stage.page.on_route_change = lambda e: stage.say(e.route)
    stage.page.run_task(stage.page.push_route, "/run-task")


# dialogs


@case
def dialog(stage: Stage) -> None:
    def close() -> None:
        stage.page.pop_dialog()

    stage.page.show_dialog(
        ft.AlertDialog(
            title=ft.Text("Sure?"),
            actions=[ft.TextButton("yes", on_click=close)],
            on_dismiss=lambda: stage.say("dismissed"),
        )
    )


@case
def shown_and_popped(stage: Stage) -> None:
    stage.page.show_dialog(ft.AlertDialog(title=ft.Text("short"), on_dismiss=lambda: stage.say("dismissed")))
    stage.page.pop_dialog()
    stage.say(stage.page.pop_dialog() is None)


@case
def snack_bar(stage: Stage) -> None:
    stage.page.show_dialog(ft.SnackBar(ft.Text("snack")))


@case
def drawer(stage: Stage) -> None:
    stage.page.drawer = ft.NavigationDrawer(controls=[ft.Text("in the drawer")])
    stage.page.update()
    stage.page.run_task(stage.page.show_drawer)


# services: they are async in Flet 1.x, so a sync handler starts a task


@case
def clipboard(stage: Stage) -> None:
    async def copy_and_paste() -> None:
        await stage.clipboard.set("text")
        stage.say(await stage.clipboard.get())

    stage.page.run_task(copy_and_paste)


@case
def preferences(stage: Stage) -> None:
    async def keep() -> None:
        stored = ft.SharedPreferences()
        await stored.set("key", "value")
        stage.say(await stored.get("key"))

    stage.page.data = asyncio.create_task(keep())


@case
def launcher(stage: Stage) -> None:
    stage.page.run_task(stage.launcher.launch_url, "https://example.com").add_done_callback(
        lambda _: stage.say("launched")
    )


@case
def file_picker(stage: Stage) -> None:
    async def pick() -> None:
        files = await ft.FilePicker().pick_files()
        stage.say([file.name for file in files])

    stage.page.run_task(pick)


@case
def client_call_as_a_task(stage: Stage) -> None:
    task = asyncio.create_task(stage.clipboard.get())
    task.add_done_callback(lambda done: stage.say(repr(done.result())))


# contexts and threads


@case
def page_of_the_context(stage: Stage) -> None:
    stage.say(ft.context.page is stage.page)


@case
def page_of_the_context_in_a_task(stage: Stage) -> None:
    async def look() -> None:
        stage.say(ft.context.page is stage.page)

    stage.page.data = asyncio.create_task(look())


@case
def page_of_the_context_in_a_thread(stage: Stage) -> None:
    stage.page.run_thread(lambda: stage.say(ft.context.page is stage.page))


@case
def context_of_the_import(stage: Stage) -> None:
    stage.say(tenant.get())
    stage.say(decimal.Decimal(1) / 3)


@case
def context_of_main(stage: Stage) -> None:
    stage.say(shop.get())  # main has set it, in a task that is over


@case
def context_of_before_main(stage: Stage) -> None:
    stage.say(language.get())


@case
def context_into_a_task(stage: Stage) -> None:
    async def look() -> None:
        stage.say(tenant.get())

    tenant.set("set in the handler")
    stage.page.data = asyncio.create_task(look())


@case
def context_over_a_yield(stage: Stage) -> Any:
    tenant.set("set before")
    yield
    stage.say(tenant.get())


@case
def locks(stage: Stage) -> None:
    lock = threading.Lock()
    with lock, contextlib.suppress(ZeroDivisionError):
        stage.say(1 / 0)
    stage.say(lock.locked())


@case
def one_handler_calls_another(stage: Stage) -> None:
    control_update(stage)
    page_of_the_context(stage)


@case
def pubsub(stage: Stage) -> None:
    stage.page.pubsub.subscribe(lambda message: stage.say(f"heard {message}"))
    stage.page.pubsub.subscribe_topic("news", lambda topic, message: stage.say(f"{topic}: {message}"))
    stage.page.pubsub.send_all("hello")
    stage.page.pubsub.send_all_on_topic("news", "today")


@case
def session_store(stage: Stage) -> None:
    stage.page.session.store.set("key", 1)
    stage.say(stage.page.session.store.get("key"))


def before_main(page: ft.Page) -> None:
    language.set("set in before_main")


def main(page: ft.Page) -> None:
    shop.set("set in main")
    stage = Stage(page)

    def button(name: str) -> ft.Button:
        function = CASES[name]
        if inspect.isgeneratorfunction(function):

            def steps() -> Any:
                yield from function(stage)

            return ft.Button(name, on_click=steps)
        if inspect.iscoroutinefunction(function):
            return ft.Button(name, on_click=functools.partial(function, stage))
        return ft.Button(name, on_click=lambda: function(stage))

    page.add(stage.label, stage.journal, *map(button, CASES))


if __name__ == "__main__":
    ft.run(main, before_main=before_main)
