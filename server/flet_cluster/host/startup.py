"""How a session starts, and how a client comes back to one (layer 3: may import Flet).

Follows ``flet_web.fastapi.flet_app.FletApp.__on_message`` and ``__on_session_created``.
"""

from __future__ import annotations

import inspect
import logging
import traceback
from typing import TYPE_CHECKING, Any

from flet.controls.context import context as flet_context
from flet.controls.exceptions import FletPageDisconnectedException
from flet.messaging.protocol import Message, MessageAction, RegisterClientResponseBody

from flet_cluster.host import internals, upgrades, variables, wire
from flet_cluster.host.current import Event, within
from flet_cluster.host.entry import function_of
from flet_cluster.host.remount import remounted
from flet_cluster.model import MainState

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.host.inputs import Input
    from flet_cluster.host.live import LiveSession

logger = logging.getLogger("flet_cluster.host")


def register(live: LiveSession, item: Input) -> None:
    """A client registers: the first time the session starts, else it gets the page whole."""
    live.inputs.begin(item)
    live.describe(item.client)
    page = item.body.get("page") or {}
    if live.main is MainState.PENDING and not live.registered:
        _register_new(live, page, item)
    else:
        _register_again(live, page)


def _register_new(live: LiveSession, page: dict[str, Any], item: Input) -> None:
    """Run ``before_main``, answer, then run ``main``."""
    live.registered = True
    live.output.muted = False  # a page that was loaded anew before its session had begun
    live.session.apply_page_patch(page)
    live.page.client_ip = item.client.ip
    live.page.client_user_agent = item.client.user_agent
    before_main = live.entry.before_main
    again = bool(item.body.get("session_id"))
    if before_main is None:
        _answer(live, "", again=again)
        return
    failure: list[str] = []
    live.preparing = True

    async def call() -> None:
        """Call ``before_main`` and keep what went wrong for the answer."""
        try:
            result = before_main(live.page)
            if inspect.isawaitable(result):
                await result
            live.variables = variables.set_here(live.host.context, live.host.program.is_app_module)
        except Exception as error:
            failure.append(f"{error}\n{traceback.format_exc()}")
            logger.exception("session %s: before_main failed", live.id)

    live.handlers.run(
        call(), function_of(before_main), "before_main", lambda: _answer(live, "".join(failure), again=again)
    )


def _answer(live: LiveSession, failure: str, *, again: bool) -> None:
    """Send the register response; then ``main`` runs unless ``before_main`` failed.

    ``again``: the client had a session before and may still show its page.
    """
    live.preparing = False
    patch = live.context().run(live.session.get_page_patch)
    packet = wire.encode(register_response(live, patch, failure))
    live.output.emit(remounted(packet) if again else packet)
    if failure:
        live.main = MainState.DONE
        live.take_main()
        live.session.error(failure)
        live.changed()
    else:
        live.listener.stage()  # this picture says "main is pending": a node that takes over from it runs main
        live.lane.after(lambda: run_main(live))
    live.host.loop.call_soon(live.inputs.pump)
    live.host.loop.call_soon(live.entries.pump)


def _register_again(live: LiveSession, page: dict[str, Any]) -> None:
    """A page that was loaded anew: everything it needs, then the events Flet fires.

    The one before may have said as its last word that it is hidden. A page that is loaded does not say that
    it is seen; if it is not, it says so.
    """
    route = live.page.route
    internals.seen_again(live.page)
    live.session.cancel_client_calls()
    live.session.apply_page_patch(page)
    live.whole_page()
    live.inputs.page_event("connect")
    if live.page.route and live.page.route != route:
        live.inputs.page_event("route_change", {"route": live.page.route})


def register_response(live: LiveSession, patch: Any, failure: str = "") -> Message:
    """Build the message that gives a client its page."""
    return Message(MessageAction.REGISTER_CLIENT, RegisterClientResponseBody(live.token, patch, failure))


def run_main(live: LiveSession) -> None:
    """Run the app's ``main(page)``; sync forms in the lane, async ones as a task."""
    if live.gone or live.main is not MainState.PENDING:
        return
    live.main = MainState.RUNNING
    main = live.take_main()
    mark = live.trail.arrived("main")

    def done() -> None:
        """The app's entry point has returned."""
        live.main = MainState.DONE
        live.trail.done(mark)
        upgrades.say(live)
        live.changed()

    event = Event(f"{live.id}:main", "main", live.again)
    work = within(event, _main(live, main), live.trail.handling(mark, "main", event.key))
    live.handlers.run(work, function_of(main), "main", done)


async def _main(live: LiveSession, main: Callable[..., Any]) -> None:
    """Call ``main`` in whichever form it has, with an update after each yield."""
    session, page = live.session, live.page
    try:
        flet_context.reset_auto_update()  # type: ignore[no-untyped-call]  # Flet leaves it untyped
        await call(live, main, (page,))
        await session.after_event(page)
    except FletPageDisconnectedException:
        logger.debug("session %s: main updated a page that is gone", live.id)
    except Exception as error:
        logger.exception("session %s: main failed", live.id)
        session.error(str(error))


async def call(live: LiveSession, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Call a function, generator, coroutine function or asynchronous generator."""
    form = function_of(function)
    if inspect.isasyncgenfunction(form):
        async for _ in function(*arguments):
            await live.session.after_event(live.page)
    elif inspect.isgeneratorfunction(form):
        for _ in function(*arguments):
            await live.session.after_event(live.page)
    else:
        result = function(*arguments)
        if inspect.isawaitable(result):
            await result


async def call_handler(live: LiveSession, handler: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Call a pub/sub handler; Flet updates nothing afterwards, so neither do we."""
    flet_context.reset_auto_update()  # type: ignore[no-untyped-call]  # Flet leaves it untyped
    try:
        await call(live, handler, arguments)
    except Exception as error:
        logger.exception("session %s: a pub/sub handler failed", live.id)
        live.session.error(f"{error}\n{traceback.format_exc()}")
