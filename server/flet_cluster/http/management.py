"""What the management port answers (layer 4: knows nothing but three callables)."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Final, Protocol

from starlette.responses import Response
from starlette.routing import Route, Router

from flet_cluster.exposition import MEDIA_TYPE
from flet_cluster.http.health import health_routes

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.requests import Request


MOST_SCRAPES: Final = 16
"""Requests for metrics that are answered at the same time; further ones are told to come later."""


class Answers(Protocol):
    """See ``flet_cluster.sight.Sight``."""

    def alive(self) -> str | Awaitable[str]:
        """Say why it should be started anew, "" if it need not."""

    def ready(self) -> str | Awaitable[str]:
        """Say why it should get no new visitors, "" if it may."""

    def metrics(self) -> str | Awaitable[str]:
        """Return metrics, in Prometheus' text format."""


def management_app(answers: Answers) -> Router:
    """Return the ASGI application of the management port."""
    places = asyncio.Semaphore(MOST_SCRAPES)

    async def metrics(_request: Request) -> Response:
        if places.locked():
            return Response("others are being answered", status_code=503, headers={"Retry-After": "5"})
        async with places:
            found = answers.metrics()
            text = await found if inspect.isawaitable(found) else found
        return Response(text, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})

    return Router([*health_routes(answers.alive, answers.ready), Route("/metrics", metrics)])
