"""Tells balancers and orchestrators about this node (layer 4: knows nothing but two callables).

``/healthz`` is liveness: restart me if this fails. ``/readyz`` is readiness: send me new visitors, or do not.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    Check = Callable[[], str | Awaitable[str]]


def health_routes(alive: Check, ready: Check) -> list[Route]:
    """Make the two routes.

    Args:
        alive: returns "" if the process works, else why not. May be async.
        ready: returns "" if new visitors are welcome, else why not. May be async.
    """
    return [Route("/healthz", _endpoint(alive, "ok")), Route("/readyz", _endpoint(ready, "ready"))]


def _endpoint(check: Check, good: str) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(_request: Request) -> Response:
        try:
            answer = check()
            problem = await answer if inspect.isawaitable(answer) else answer
        except Exception as error:  # noqa: BLE001  a check that fails is an answer
            problem = f"{type(error).__name__}: {error}"
        body = {"status": problem or good}
        return JSONResponse(body, 503 if problem else 200, headers={"Cache-Control": "no-store"})

    return endpoint
