"""The cookie that binds a browser's sessions to it (layer 3; imports no Flet).

A browser sends an app all cookies of the paths above it, so two apps on one host, one below the other, must
not share a name: the app at ``/`` would overwrite what the one at ``/app1`` was given. Page and socket take
name and path from here, so that they agree.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from flet_cluster.settings import Settings


@dataclass(frozen=True, slots=True)
class BrowserCookie:
    """An app's cookie: its name, and the path for which browsers send it."""

    name: str
    path: str

    @classmethod
    def of(cls, settings: Settings) -> BrowserCookie:
        """Return the cookie of the app with these settings; all its nodes have the same."""
        path = "/" + "/".join(part for part in (settings.proxy_path, settings.app_path) if part)
        digest = hashlib.sha256(f"{settings.app_name}\n{path}".encode()).hexdigest()
        return cls(f"flet_cluster_{digest[:12]}", path)

    def value(self, request: HTTPConnection) -> str | None:
        """Return what a browser sent; None if it has none yet."""
        return request.cookies.get(self.name)

    def header(self, value: str, *, secure: bool) -> str:
        """Return the Set-Cookie value that gives it to a browser."""
        cookie: SimpleCookie = SimpleCookie()
        cookie[self.name] = value
        morsel = cookie[self.name]
        morsel["path"], morsel["httponly"], morsel["samesite"] = self.path, True, "Lax"
        morsel["secure"] = secure
        return morsel.OutputString()
