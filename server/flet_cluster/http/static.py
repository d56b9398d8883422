"""Serves Flet's web client and the app's assets (layer 4: of Flet, only the place of its web bundle).

Assets win over bundle files of the same name. Paths that look like routes get index.html; a missing file is a
404, so that a mistyped image does not turn into a page. Of the served folders nothing is written to.

Everything is one :class:`_Content`, a file or bytes made here, and goes out in the coding that the browser
takes. Each of its forms has an ETag that starts with the hash of the content, so a browser that has any form
of it is told that it is still good, by any node.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import flet_web  # type: ignore[import-untyped]
import platformdirs
from starlette.datastructures import Headers
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.websockets import WebSocketClose

from flet_cluster.errors import FletNotSupported
from flet_cluster.http.cache import VariantCache
from flet_cluster.http.downloads import untrusted
from flet_cluster.http.encoding import accepted, is_compressible
from flet_cluster.http.files import Found, Overlay, digest_of, media_type
from flet_cluster.http.index import (
    RIVE_FILE,
    WebOptions,
    base_href,
    patched_font_manifest,
    patched_index,
    patched_manifest,
)
from flet_cluster.http.precompress import Precompressor
from flet_cluster.http.slices import InSlices
from flet_cluster.http.variants import Variants
from flet_cluster.threads import FILES

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

RESUME_PATH = "flet-cluster/resume.js"
"""Where the page finds resume.js, below the app's path."""

_RESUME_FILE = Path(__file__).parent.parent / "client" / "resume.js"
_FONT_MANIFEST = "assets/FontManifest.json"
_REVALIDATE = "no-cache"
_FOREVER = "public, max-age=31536000, immutable"
_MAX_BASES = 16
_SHORTEST_VERSION = 8
_TAG = re.compile(r"[0-9a-f]{32}(-[a-z]+)?(-[0-9a-f]{8})?(-gzip)?")
"""Ours; some proxies that compress add ``-gzip``."""

_COMMON_HEADERS = {
    # What Flet's own server sends: Flutter's skwasm renderer needs an isolated page for its threads.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Access-Control-Allow-Origin": "*",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class _Content:
    """Something to send.

    Attributes:
        name: of a file with this kind of content.
        digest: hash of the content.
        size: bytes.
        source: the content, or the file that has it.
        uploaded: whether it may be a user's.
    """

    name: str
    digest: str
    size: int
    source: bytes | Found
    uploaded: bool = False

    def read(self) -> bytes:
        """Return the content; reads the disk, unless it was made here."""
        return self.source if isinstance(self.source, bytes) else self.source.path.read_bytes()


class WebClient:
    """An ASGI application for everything a browser loads; mount it last, at the app's path.

    Args:
        options: what to write into the page.
        assets_dir: the app's own files, or None.
        resume_js: the script that keeps the socket alive; None for the packaged one, b"" for none.
        cache_dir: folder for compressed files, see :func:`default_cache_dir`; None for none. It is filled in
            the background from the first request on, or from :meth:`start` on.
        uploads: the folder among the app's files where users' files are, or None: no script in them may run
            in the app's origin.
    """

    def __init__(
        self,
        options: WebOptions,
        assets_dir: Path | None = None,
        resume_js: bytes | None = None,
        cache_dir: Path | None = None,
        uploads: Path | None = None,
    ) -> None:
        self._options = options
        self._uploads = uploads
        self._overlay = client_files(assets_dir)
        cache = VariantCache(cache_dir) if cache_dir is not None else None
        self._precompressor = Precompressor(self._overlay, cache) if cache is not None else None
        self._variants = Variants(cache, self.start)
        self._resume = resume_js if resume_js is not None else _RESUME_FILE.read_bytes()
        self._pages: dict[str, _Content] = {}
        manifest = patched_manifest(self._text("manifest.json"), options).encode()
        self._made = {"manifest.json": _made("manifest.json", manifest)}
        if options.no_cdn:
            fonts = patched_font_manifest(self._text(_FONT_MANIFEST)).encode()
            self._made[_FONT_MANIFEST] = _made(_FONT_MANIFEST, fonts)
        if self._resume:
            self._made[RESUME_PATH] = _made(RESUME_PATH, self._resume)
        self._page("")  # a page that cannot be made is found at start

    def start(self) -> None:
        """Begin to fill the cache, if there is one and it lacks something; returns at once."""
        if self._precompressor is not None:
            self._precompressor.start()

    def stop(self) -> None:
        """Stop filling the cache."""
        if self._precompressor is not None:
            self._precompressor.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":  # at a path where there is none: refused as Starlette does, by 403
            await WebSocketClose()(scope, receive, send)
            return
        await (await self._respond(scope))(scope, receive, send)

    async def _respond(self, scope: Scope) -> Response:
        if scope["method"] not in {"GET", "HEAD"}:
            return PlainTextResponse("Method Not Allowed", 405, {"Allow": "GET, HEAD"})
        root: str = scope.get("root_path", "")
        path: str = scope["path"].removeprefix(root).lstrip("/")
        content = await self._content(path, root)
        if content is None:
            return PlainTextResponse("Not Found", 404, headers={"Cache-Control": _REVALIDATE})
        return await self._answer(content, scope)

    async def _content(self, path: str, root: str) -> _Content | None:
        if path in self._made:
            return self._made[path]
        if path not in {"", "index.html"}:
            found = await FILES.run(self._overlay.find, path)
            if found is not None:
                digest = self._overlay.known_digest(found)
                if digest is None:
                    digest = await FILES.run(self._overlay.digest, found)
                uploaded = await self._is_uploaded(found)
                return _Content(found.path.name, digest, found.status.st_size, found, uploaded)
            if not _looks_like_route(path):
                return None
        return self._page(root)

    async def _is_uploaded(self, found: Found) -> bool:
        return self._uploads is not None and await FILES.run(_lies_in, found.path, self._uploads)

    async def _answer(self, content: _Content, scope: Scope) -> Response:
        asked = Headers(scope=scope)
        packed = is_compressible(content.name, content.size)
        headers = {**_COMMON_HEADERS, "Cache-Control": _cache_rule(content, scope)}
        if packed:
            headers["Vary"] = "Accept-Encoding"
        known = _known_tag(asked.get("if-none-match", ""), content.digest)
        if known is not None:
            return Response(status_code=304, headers={**headers, "ETag": f'"{known}"'})
        headers["Content-Type"] = _content_type(content.name)
        if content.uploaded:
            headers |= untrusted(content.name)
        # Parts are parts of the bytes as they are: those are the same on every node.
        coding = accepted(asked.get("accept-encoding", "")) if packed and "range" not in asked else None
        if coding is not None:
            variant = await self._variants.of(content.digest, coding, content.size, content.read)
            if variant is not None and variant.body:
                headers |= {"ETag": f'"{variant.tag}"', "Content-Encoding": coding}
                return InSlices(variant.body, headers)
        headers["ETag"] = f'"{content.digest}"'
        if isinstance(content.source, bytes):
            return InSlices(content.source, headers)
        _decide_if_range(scope, headers["ETag"])
        return _file(content.source, headers)

    def _page(self, root: str) -> _Content:
        """Make index.html for the path the app is mounted at; remember it."""
        page = self._pages.get(root)
        if page is None:
            base = self._options.base or base_href(self._options.proxy_path, root)
            script = f"{RESUME_PATH}?v={digest_of(self._resume)}" if self._resume else ""
            rive = self._overlay.find(RIVE_FILE) is not None
            text = patched_index(self._text("index.html"), self._options, base, script, rive=rive)
            page = _made("index.html", text.encode())
            if len(self._pages) < _MAX_BASES:
                self._pages[root] = page
        return page

    def _text(self, name: str) -> str:
        content = self._overlay.read(name)
        if content is None:
            raise FletNotSupported(
                f"Flet's web client has no {name}: this Flet release is not supported yet."
            )
        return content.decode()


def client_files(assets_dir: Path | None) -> Overlay:
    """Return the files of the web client and the app.

    Args:
        assets_dir: the app's own files, or None.

    Raises:
        FletNotSupported: there is no web client.
    """
    bundle = Path(flet_web.get_package_web_dir())
    if not bundle.is_dir():
        raise FletNotSupported(f"Flet's web client is not at {bundle}: install flet[web].")
    return Overlay([*([assets_dir] if assets_dir else []), bundle])


def default_cache_dir() -> Path:
    """Return the folder where this user's compressed files are kept."""
    return platformdirs.user_cache_path("flet-cluster", appauthor=False) / "web"


def _made(name: str, content: bytes) -> _Content:
    return _Content(name, digest_of(content), len(content), content)


def _lies_in(path: Path, folder: Path) -> bool:
    """Whether a file is below a folder, however systems that ignore case were asked for it."""
    try:
        return any(parent.samefile(folder) for parent in path.parents)
    except FileNotFoundError:  # there is no such folder yet
        return False


def _file(found: Found, headers: dict[str, str]) -> Response:
    """Send a file, or the parts of it that are asked for."""
    response = FileResponse(found.path, headers=headers, stat_result=found.status)
    del response.headers["Last-Modified"]
    return response


def _decide_if_range(scope: Scope, tag: str) -> None:
    """Evaluate If-Range here: Starlette wants the Last-Modified header for it, which is never sent."""
    condition = Headers(scope=scope).get("if-range")
    if condition is not None:
        dropped = {b"if-range"} if condition == tag else {b"if-range", b"range"}
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in dropped]


def _content_type(name: str) -> str:
    kind = media_type(name)
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _cache_rule(content: _Content, scope: Scope) -> str:
    """Only a URL that names the content (``?v=``, the start of its hash) may be kept without asking again."""
    query: bytes = scope.get("query_string", b"")
    version = query.removeprefix(b"v=").decode("latin-1") if query.startswith(b"v=") else ""
    named = len(version) >= _SHORTEST_VERSION and content.digest.startswith(version)
    return _FOREVER if named else _REVALIDATE


def _known_tag(wanted: str, digest: str) -> str | None:
    """Evaluate If-None-Match: return the tag of the form of this content that the browser has.

    The answer repeats the browser's own tag: it is the form in its cache that is still good.
    """
    for item in wanted.split(","):
        tag = item.strip().removeprefix("W/").strip('"')
        if tag == "*":
            return digest
        if _TAG.fullmatch(tag) and tag.startswith(digest):
            return tag
    return None


def _looks_like_route(path: str) -> bool:
    """Tell client-side routes from files, as Flet does: no extension, or that of a page."""
    return PurePosixPath(path).suffix.lower() in {"", ".html"} and not _hidden(path)


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))
