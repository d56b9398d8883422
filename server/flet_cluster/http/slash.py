"""Sends browsers from an app's path to the same with a slash at its end (layer 4: imports no Flet)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request


def slash_route(path: str) -> Route:
    """Return a route that adds the slash to a path such as ``/apps/shop``.

    The address it sends is relative: only the browser knows the host and what a proxy takes away.
    """
    name = path.rpartition("/")[2]
    if ":" in name:  # what is before it would be read as a scheme
        name = f"./{name}"

    async def add_slash(request: Request) -> RedirectResponse:
        """Redirect."""
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"{name}/{query}", 307)

    return Route(path, add_slash, methods=["GET"])
