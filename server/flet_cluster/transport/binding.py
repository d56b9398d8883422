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


_PREFIX = "flet_cluster_"


def cookies_of(request: HTTPConnection) -> list[str]:
    """Return what a browser shows to the apps of this host: one cookie for each that it may know here."""
    return [value for name, value in request.cookies.items() if name.startswith(_PREFIX)]


@dataclass(frozen=True, slots=True)
class BrowserCookie:
    """An app's cookie.

    Attributes:
        name: what it is called.
        path: for which browsers send it.
        app_path: where the app is, as the browser sees it.
        framed: whether browsers also keep it for pages of other sites that show the app in a frame, one for
            each such site (CHIPS, cookies with independent partitioned state).
    """

    name: str
    path: str
    app_path: str
    framed: bool = False

    @classmethod
    def at(cls, app_name: str, path: str, *, framed: bool = False) -> BrowserCookie:
        """Return the cookie of an app below a path, as the browser sees it; all its nodes have the same."""
        path = f"/{path.strip('/')}"
        digest = hashlib.sha256(f"{app_name}\n{path}".encode()).hexdigest()
        return cls(f"{_PREFIX}{digest[:12]}", path, path, framed)

    @classmethod
    def of_host(cls, app_path: str, *, framed: bool = False) -> BrowserCookie:
        """Return the cookie for apps whose page and socket are set up apart, by somebody else.

        The page knows neither which app its socket belongs to nor, behind a proxy, under which path that
        socket is asked for; so there is one for the whole host.
        """
        common = cls.at("", "/")
        return cls(common.name, common.path, f"/{app_path.strip('/')}", framed)

    def value(self, request: HTTPConnection) -> str | None:
        """Return what a browser sent; None if it has none yet."""
        return request.cookies.get(self.name)

    def header(self, value: str, *, secure: bool) -> str:
        """Return the Set-Cookie value that gives it to a browser.

        Over plain HTTP browsers refuse a cookie for frames of other sites, so there it is the usual one.
        """
        for_frames = self.framed and secure
        cookie: SimpleCookie = SimpleCookie()
        cookie[self.name] = value
        morsel = cookie[self.name]
        morsel["path"], morsel["httponly"], morsel["secure"] = self.path, True, secure
        morsel["samesite"] = "None" if for_frames else "Lax"
        # Python's own cookies know the word since 3.14 only.
        return morsel.OutputString() + ("; Partitioned" if for_frames else "")
