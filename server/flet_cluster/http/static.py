"""Serves Flet's web client and the app's assets (layer 4: of Flet, only the place of its web bundle).

Assets win over bundle files of the same name. Paths that look like routes get index.html; a missing file is a
404, so that a mistyped image does not turn into a page. Nothing is written anywhere.

There is one place for every representation of a file, :meth:`WebClient._file`: precompressed variants go
there.
"""

from __future__ import annotations

import asyncio
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import flet_web  # type: ignore[import-untyped]
from starlette.datastructures import Headers
from starlette.responses import FileResponse, PlainTextResponse, Response

from flet_cluster.errors import FletNotSupported
from flet_cluster.http.files import Found, Overlay, etag, media_type
from flet_cluster.http.index import (
    WebOptions,
    base_href,
    patched_font_manifest,
    patched_index,
    patched_manifest,
)

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

RESUME_PATH = "flet-cluster/resume.js"
"""Where the page finds resume.js, below the app's path."""

_RESUME_FILE = Path(__file__).parent.parent / "client" / "resume.js"
_FONT_MANIFEST = "assets/FontManifest.json"
_REVALIDATE = "no-cache"
_FOREVER = "public, max-age=31536000, immutable"
_MAX_BASES = 16

_COMMON_HEADERS = {
    # What Flet's own server sends: Flutter's skwasm renderer needs an isolated page for its threads.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Access-Control-Allow-Origin": "*",
    "X-Content-Type-Options": "nosniff",
}


class WebClient:
    """An ASGI application for everything a browser loads; mount it last, at the app's path.

    Args:
        options: what to write into the page.
        assets_dir: the app's own files, or None.
        resume_js: the script that keeps the socket alive; None for the packaged one, b"" for none.
    """

    def __init__(
        self, options: WebOptions, assets_dir: Path | None = None, resume_js: bytes | None = None
    ) -> None:
        bundle = Path(flet_web.get_package_web_dir())
        if not bundle.is_dir():
            raise FletNotSupported(f"Flet's web client is not at {bundle}: install flet[web].")
        self._options = options
        self._overlay = Overlay([*([assets_dir] if assets_dir else []), bundle])
        self._resume = resume_js if resume_js is not None else _RESUME_FILE.read_bytes()
        self._pages: dict[str, bytes] = {}
        self._made = {"manifest.json": patched_manifest(self._text("manifest.json"), options).encode()}
        if options.no_cdn:
            self._made[_FONT_MANIFEST] = patched_font_manifest(self._text(_FONT_MANIFEST)).encode()
        if self._resume:
            self._made[RESUME_PATH] = self._resume
        self._page("")  # a page that cannot be made is found at start

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError("the web client serves files only; register the socket's route before it")
        await (await self._respond(scope))(scope, receive, send)

    async def _respond(self, scope: Scope) -> Response:
        if scope["method"] not in {"GET", "HEAD"}:
            return PlainTextResponse("Method Not Allowed", 405, {"Allow": "GET, HEAD"})
        root: str = scope.get("root_path", "")
        path: str = scope["path"].removeprefix(root).lstrip("/")
        wanted = Headers(scope=scope).get("if-none-match", "")
        if path in self._made:
            return self._bytes(self._made[path], media_type(path), wanted, self._cache_rule(path, scope))
        if path not in {"", "index.html"}:
            found = await asyncio.to_thread(self._overlay.find, path)
            if found is not None:
                return await self._file(found, wanted)
            if not _looks_like_route(path):
                return PlainTextResponse("Not Found", 404, headers={"Cache-Control": _REVALIDATE})
        return self._bytes(self._page(root), "text/html; charset=utf-8", wanted, _REVALIDATE)

    async def _file(self, found: Found, wanted: str) -> Response:
        tag = self._overlay.known_etag(found)
        if tag is None:
            tag = await asyncio.to_thread(self._overlay.etag, found)
        headers = {**_COMMON_HEADERS, "ETag": tag, "Cache-Control": _REVALIDATE}
        if _matches(wanted, tag):
            return Response(status_code=304, headers=headers)
        kind = media_type(found.path.name)
        response = FileResponse(found.path, headers=headers, media_type=kind, stat_result=found.status)
        del response.headers["Last-Modified"]
        return response

    def _bytes(self, content: bytes, kind: str, wanted: str, cache: str) -> Response:
        tag = etag(content)
        headers = {**_COMMON_HEADERS, "ETag": tag, "Cache-Control": cache}
        if _matches(wanted, tag):
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=kind)

    def _page(self, root: str) -> bytes:
        """Make index.html for the path the app is mounted at; remember it."""
        page = self._pages.get(root)
        if page is None:
            base = self._options.base or base_href(self._options.proxy_path, root)
            script = f"{RESUME_PATH}?v={self._resume_version()}" if self._resume else ""
            page = patched_index(self._text("index.html"), self._options, base, script).encode()
            if len(self._pages) < _MAX_BASES:
                self._pages[root] = page
        return page

    def _cache_rule(self, path: str, scope: Scope) -> str:
        """Only a URL that names the content may be kept without asking again."""
        versioned = f"v={self._resume_version()}".encode()
        return _FOREVER if path == RESUME_PATH and scope.get("query_string") == versioned else _REVALIDATE

    def _resume_version(self) -> str:
        return etag(self._resume).strip('"')

    def _text(self, name: str) -> str:
        content = self._overlay.read(name)
        if content is None:
            raise FletNotSupported(
                f"Flet's web client has no {name}: this Flet release is not supported yet."
            )
        return content.decode()


def _looks_like_route(path: str) -> bool:
    """Tell client-side routes from files, as Flet does: no extension, or that of a page."""
    return PurePosixPath(path).suffix.lower() in {"", ".html"} and not _hidden(path)


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _matches(wanted: str, tag: str) -> bool:
    """Evaluate If-None-Match."""
    candidates = [item.strip().removeprefix("W/") for item in wanted.split(",")]
    return tag in candidates or "*" in candidates
