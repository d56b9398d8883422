"""A FastAPI application that starts and stops the process's Flet apps with itself (layer 5)."""

from __future__ import annotations

import contextlib
import inspect
from typing import TYPE_CHECKING, Any, TypeGuard

import fastapi
from starlette.routing import Mount

from flet_cluster.fastapi.manager import app_manager
from flet_cluster.http.slash import slash_route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    Hook = Callable[[], Awaitable[None] | None]


class FastAPI(fastapi.FastAPI):
    """``fastapi.FastAPI`` with the lifespan that mounted Flet apps need.

    An app mounted at the root answers last, whatever was added after it: Flet asks for sub-apps and routes to
    be added before. A sub-app's path is found without the slash at its end, too.

    Args:
        on_startup: functions to call after the apps have started.
        on_shutdown: functions to call before they stop.
        lifespan: a lifespan of your own, inside that of the apps.
        options: all other parameters of ``fastapi.FastAPI``.
    """

    def __init__(
        self,
        *,
        on_startup: Sequence[Hook] | None = None,
        on_shutdown: Sequence[Hook] | None = None,
        lifespan: Callable[[Any], contextlib.AbstractAsyncContextManager[Any]] | None = None,
        **options: Any,
    ) -> None:
        inner = lifespan or _no_lifespan

        @contextlib.asynccontextmanager
        async def whole(app: FastAPI) -> AsyncIterator[Any]:
            """Start the apps first and stop them last."""
            try:
                await app_manager.start()
                async with inner(app) as state:
                    await _call(on_startup)
                    try:
                        yield state
                    finally:
                        await _call(on_shutdown)
            finally:
                await app_manager.shutdown()

        super().__init__(lifespan=whole, **options)
        self.state.drain = app_manager.drain

    def build_middleware_stack(self) -> ASGIApp:
        """Put the catch-all last, when all routes are there, and send ``/sub-app`` to ``/sub-app/``."""
        apps = [route for route in self.router.routes if _is_flet_app(route) and route.path]
        self.router.routes.extend(slash_route(route.path) for route in apps)
        self.router.routes.sort(key=lambda route: isinstance(route, Mount) and not route.path)
        return super().build_middleware_stack()


def _is_flet_app(route: BaseRoute) -> TypeGuard[Mount]:
    return isinstance(route, Mount) and hasattr(getattr(route.app, "state", None), "cluster_app")


@contextlib.asynccontextmanager
async def _no_lifespan(_app: Any) -> AsyncIterator[None]:
    yield


async def _call(hooks: Sequence[Hook] | None) -> None:
    for hook in hooks or ():
        result = hook()
        if inspect.isawaitable(result):
            await result
