"""ASGI apps that stand in for the real one, so that the supervisor can be tested alone."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from flet_cluster.host.program import Program
    from flet_cluster.settings import Settings


def who(program: Program, settings: Settings) -> Starlette:
    """Answers which process serves, and with what."""

    async def tell(request: Request) -> JSONResponse:
        keys = settings.key_ring()
        url = settings.redis_url.get_secret_value() if settings.redis_url else ""
        return JSONResponse(
            {
                "pid": os.getpid(),
                "main": f"{program.main.__module__}.{program.main.__name__}",
                "app_name": settings.app_name,
                "key": keys[0],
                "redis": url,
                "frozen": gc.get_freeze_count(),
                "client": request.client.host if request.client else "",
            }
        )

    return Starlette(routes=[Route("/who", tell)])


def slow_to_start(program: Program, settings: Settings) -> Starlette:
    """Takes a while before it is ready."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await asyncio.sleep(1.5)
        yield

    app = who(program, settings)
    app.router.lifespan_context = lifespan
    return app


def broken(program: Program, settings: Settings) -> Starlette:
    """Fails in its startup."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        raise RuntimeError("the shelf is empty")
        yield

    return Starlette(lifespan=lifespan)


def crashing(program: Program, settings: Settings) -> Starlette:
    """Ends the process without a word."""
    os._exit(7)


def draining(program: Program, settings: Settings) -> Starlette:
    """Says on stdout when it drains."""
    app = who(program, settings)

    async def drain() -> None:
        await asyncio.sleep(0.3)
        print("drained", os.getpid(), flush=True)

    app.state.drain = drain
    return app


def draining_for_ever(program: Program, settings: Settings) -> Starlette:
    """Never gets rid of its sessions."""
    app = who(program, settings)

    async def drain() -> None:
        print("draining", flush=True)
        await asyncio.Event().wait()

    app.state.drain = drain
    return app
