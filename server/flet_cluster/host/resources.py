"""Things that cannot travel and are made anew where they are needed (layer 3: may import Flet).

A :class:`Resource` travels as its factory. It opens what the factory makes when somebody first asks for it
on a node, and closes it there when the last session that asked has left or sleeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import logging
import threading
import weakref
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from flet.controls.context import _context_page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from flet_cluster.host.live import LiveSession

T = TypeVar("T")

logger = logging.getLogger("flet_cluster.host")

_GONE = "the session has left this node: nothing is opened for it here any more"
CLOSE_SECONDS = 5.0
"""How long a node that leaves waits for what is being closed."""


@contextlib.contextmanager
def _sync_sample() -> Any:
    yield


@contextlib.asynccontextmanager
async def _async_sample() -> Any:
    yield


_SYNC_CONTEXT: type = type(_sync_sample())
_ASYNC_CONTEXT: type = type(_async_sample())
"""What ``@contextmanager`` and ``@asynccontextmanager`` make. Other objects with ``__enter__`` are handed
out as they are: for a database connection that is a transaction, not its opening."""


class _Opened:
    """What a factory has made on this node."""

    __slots__ = ("close", "value")

    def __init__(self, value: Any, close: Callable[[], Any] | None) -> None:
        self.value = value
        self.close = close


class Resource(Generic[T]):
    """A handle of something that cannot travel. Made by :func:`resource`; :meth:`get` returns the thing."""

    def __init__(self, factory: Callable[[], Any], close: Callable[[T], Any] | None = None) -> None:
        self._factory = factory
        self._close = close
        self._opening = threading.RLock()  # held while a thread opens it
        self._gate = asyncio.Lock()  # the same for tasks
        self._guard = threading.Lock()  # held for a moment only: the loop takes it, too
        self._opened: _Opened | None = None
        self._users: weakref.WeakSet[LiveSession] = weakref.WeakSet()

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as the factory."""
        return _blank, (type(self),), (self._factory, self._close), None, None, _fill

    def __repr__(self) -> str:
        """Say which one it is."""
        state = "open" if self._opened else "closed"
        return f"<flet_cluster.resource of {_name(self._factory)}, {state}>"

    def __getattr__(self, name: str) -> Any:
        """Refuse, and say how it is done."""
        raise AttributeError(
            f"a flet_cluster.resource has no {name!r}: .get() (or await .aget()) returns the thing that has"
        )

    def get(self) -> T:
        """Return the thing, opening it if it is not open on this node. Callable from any thread.

        Raises:
            TypeError: it is opened asynchronously: await :meth:`aget` first.
            RuntimeError: the session has left this node (as Flet says it), so nobody would close it.
            Exception: whatever the factory raises; the next call tries again.
        """
        live = self._used()
        opened = self._opened
        if opened is None:
            with self._opening:
                opened = self._opened or self._open(live)
        return cast("T", opened.value)

    def _open(self, live: LiveSession | None) -> _Opened:
        """Open it in this thread."""
        made = self._factory()
        if inspect.isawaitable(made) or isinstance(made, _ASYNC_CONTEXT):
            _drop(made)
            raise TypeError(f"{self!r} is opened asynchronously: use await .aget() in an async handler")
        mine = self._entered(made)
        kept = self._keep(mine, live)
        if kept is not mine and mine.close is not None:
            mine.close()
        return _there(kept)

    async def aget(self) -> T:
        """Return the thing, opening it if it is not open on this node; for factories of both kinds.

        Raises:
            RuntimeError: the session has left this node.
            Exception: whatever the factory raises; the next call tries again.
        """
        live = self._used()
        opened = self._opened
        if opened is None:
            async with self._gate:
                opened = self._opened or await self._aopen(live)
        return cast("T", opened.value)

    async def _aopen(self, live: LiveSession | None) -> _Opened:
        """Open it in this task."""
        made = self._factory()
        if inspect.isawaitable(made):
            made = await made
        if isinstance(made, _ASYNC_CONTEXT):
            manager = cast("AbstractAsyncContextManager[Any]", made)
            mine = _Opened(await manager.__aenter__(), lambda: manager.__aexit__(None, None, None))
        else:
            mine = self._entered(made)
        kept = self._keep(mine, live)
        if kept is not mine:
            await _closing(mine, self)
        return _there(kept)

    def _keep(self, mine: _Opened, live: LiveSession | None) -> _Opened | None:
        """Return what is open from now on: ``mine``, if nobody was quicker; None: the session has left."""
        with self._guard:
            if live is not None and live not in self._users:
                return None
            self._opened = self._opened or mine
            return self._opened

    def _entered(self, made: Any) -> _Opened:
        """Return the thing and how it is closed."""
        if isinstance(made, _SYNC_CONTEXT):
            manager = cast("AbstractContextManager[Any]", made)
            return _Opened(manager.__enter__(), lambda: manager.__exit__(None, None, None))
        own = self._close
        if own is not None:
            return _Opened(made, lambda: own(made))
        return _Opened(made, getattr(made, "aclose", None) or getattr(made, "close", None))

    def _used(self) -> LiveSession | None:
        """Note that the session whose code runs uses this, and return it."""
        live = _session_here()
        if live is not None:
            live.resources.add(self)
            with self._guard:
                self._users.add(live)
        return live

    def close(self) -> None:
        """Close it now, if it is open; the next use opens it again. For what was opened outside of sessions.

        Raises:
            TypeError: it is closed asynchronously: await :meth:`aclose`.
            Exception: whatever closing raises.
        """
        opened = self._taken()
        result = opened.close() if opened and opened.close else None
        if inspect.isawaitable(result):
            _drop(result)
            raise TypeError(f"{self!r} is closed asynchronously: use await .aclose()")

    async def aclose(self) -> None:
        """Close it now, if it is open. Raises whatever closing raises."""
        opened = self._taken()
        result = opened.close() if opened and opened.close else None
        if inspect.isawaitable(result):
            await result

    def _taken(self) -> _Opened | None:
        """Take what is open away, so that it is closed once."""
        with self._guard:
            opened, self._opened = self._opened, None
        return opened

    def left_by(self, live: LiveSession) -> Coroutine[Any, Any, None] | None:
        """A session has left: return what closes the thing if it was the last one that used it."""
        with self._guard:
            self._users.discard(live)
            if self._users or self._opened is None:
                return None
            opened, self._opened = self._opened, None
        return _closing(opened, self)


def _there(opened: _Opened | None) -> _Opened:
    if opened is None:
        raise RuntimeError(_GONE)
    return opened


async def _closing(opened: _Opened, resource: Resource[Any]) -> None:
    """Close what was opened. A plain ``close`` may block, so it is called in a thread."""
    if opened.close is None:
        return
    try:
        if inspect.iscoroutinefunction(inspect.unwrap(opened.close)):
            result = opened.close()
        else:
            result = await asyncio.to_thread(opened.close)
        if inspect.isawaitable(result):
            await result
    except Exception:
        logger.warning("%r could not be closed", resource, exc_info=True)


def _drop(made: Any) -> None:
    """Give up a coroutine that nobody will await."""
    close = getattr(made, "close", None)
    if inspect.iscoroutine(made) and close is not None:
        close()


def _session_here() -> LiveSession | None:
    """Return the session whose code runs; None outside of hosted sessions."""
    page = _context_page.get()
    return None if page is None else getattr(page.session, "live", None)


def _blank(cls: type[Resource[Any]]) -> Resource[Any]:
    """Make a handle to be filled, so that a factory that refers to it finds it already there."""
    return cls(_blank_factory)


def _blank_factory() -> None:
    """Stand for a factory that is about to come."""


def _fill(handle: Resource[Any], state: tuple[Callable[[], Any], Callable[[Any], Any] | None]) -> None:
    """Give a blank handle its content."""
    vars(handle)["_factory"], vars(handle)["_close"] = state


def _name(factory: object) -> str:
    return str(getattr(factory, "__qualname__", None) or type(factory).__name__)


class Resources:
    """What one session has asked for on this node."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: set[Resource[Any]] = set()
        self._over = False

    def add(self, handle: Resource[Any]) -> None:
        """Note a use; callable from any thread. Raises RuntimeError after :meth:`leave`."""
        with self._lock:
            if self._over:
                raise RuntimeError(_GONE)
            self._used.add(handle)

    def leave(self, live: LiveSession) -> None:
        """The session leaves this node: close what nobody else uses. On the loop."""
        with self._lock:
            self._over = True
            used, self._used = self._used, set()
        for handle in used:
            closing = handle.left_by(live)
            if closing is not None:
                _keep(live.host.closing, live.host.loop.create_task(closing, context=contextvars.Context()))

    def come_back(self) -> None:
        """The session had only slept: what it needs is opened again when it is used."""
        with self._lock:
            self._over = False


def _keep(tasks: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def all_closed(closing: set[asyncio.Task[None]]) -> None:
    """Wait for what is being closed, for a while."""
    if closing:
        await asyncio.wait(closing, timeout=CLOSE_SECONDS)


@overload
def resource(
    factory: Callable[[], AbstractContextManager[T]], *, close: Callable[[T], Any] | None = None
) -> Resource[T]: ...
@overload
def resource(
    factory: Callable[[], AbstractAsyncContextManager[T]], *, close: Callable[[T], Any] | None = None
) -> Resource[T]: ...
@overload
def resource(
    factory: Callable[[], Awaitable[T]], *, close: Callable[[T], Any] | None = None
) -> Resource[T]: ...
@overload
def resource(factory: Callable[[], T], *, close: Callable[[T], Any] | None = None) -> Resource[T]: ...
def resource(factory: Callable[[], Any], *, close: Callable[[Any], Any] | None = None) -> Resource[Any]:
    """Return a handle of something that cannot travel: a connection, a client, an open file.

    The handle may be kept anywhere in a session, or in a module's global, where all sessions of a node share
    it.

    Args:
        factory: makes the thing. A function, an async function, or one with ``@contextmanager`` or
            ``@asynccontextmanager``. It travels by reference, with what it closes over.
        close: closes it; by default its ``aclose()`` or ``close()`` is called, if it has one, or the context
            manager is left. What closing raises is logged.

    Returns:
        A handle: ``handle.get()`` opens the thing on first use on each node and returns it, and so does
        ``await handle.aget()``, which factories that are async need. It is closed when the last session that
        used it leaves the node, sleeps, or ends. What was opened outside of any session stays open until
        ``handle.close()`` or the end of the process.

    Raises:
        TypeError: ``factory`` is no function without arguments: the thing itself was given, perhaps.
    """
    try:
        fits = callable(factory) and inspect.signature(factory).bind() is not None
    except ValueError:  # a builtin that does not say
        fits = True
    except TypeError:
        fits = False
    if not fits:
        raise TypeError(
            f"flet_cluster.resource takes a function without arguments that makes the thing, not "
            f"{factory!r}; for example flet_cluster.resource(lambda: connect(url))"
        )
    if close is not None and not callable(close):
        raise TypeError(f"flet_cluster.resource: close must be a function of the thing, not {close!r}")
    return Resource(factory, close)
