"""Awaits something on the node's loop, from wherever an app's code runs (layer 3; imports no Flet).

What runs is the host's: it is no task of the session, and knows nothing of it.
"""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future

T = TypeVar("T")


def wait_for(loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, T], instead: str) -> T:
    """Block this thread until ``coro`` has ended on the loop; return what it returns.

    Args:
        loop: the node's.
        coro: what to await there.
        instead: what the app should write where it must not block, for the error.

    Raises:
        RuntimeError: this thread is the loop's, whose users would all have to wait, and for ever.
        Exception: whatever ``coro`` raises.
    """
    if _running() is loop:
        coro.close()
        raise RuntimeError(
            f"this would stop the server for all its users: in async code write {instead}; and with "
            "FLET_CLUSTER_SYNC_HANDLERS=loop, in which sync handlers must not wait, make the handler async"
        )
    return _sent(coro, loop).result()


async def await_on(loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, T]) -> T:
    """Await ``coro`` on the loop; this may be another one. Raises whatever ``coro`` raises."""
    if _running() is loop:
        return await loop.create_task(coro, context=contextvars.Context())
    return await asyncio.wrap_future(_sent(coro, loop))


def leave_to(loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any]) -> None:
    """Have ``coro`` run on the loop, and wait for nothing."""
    _sent(coro, loop)


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _sent(coro: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> Future[T]:
    """Have it run in a context that has nothing of the session."""
    return contextvars.Context().run(asyncio.run_coroutine_threadsafe, coro, loop)
