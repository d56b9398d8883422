"""Writes the three files that differ between apps, as text (layer 4: imports no Flet, touches no disk).

Flet patches these files on disk, in a temporary folder per process. Nodes may run in read-only containers, so
here it is bytes in, bytes out. Each place that must change has to be found: a new Flet release that moves one
fails at start with a name, not in the browser.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from flet_cluster.errors import FletNotSupported

if TYPE_CHECKING:
    from collections.abc import Mapping

_BASE = re.compile(r"(<base\b[^>]*\bhref\s*=\s*)([\"'])[^\"']*\2", re.IGNORECASE)
_TITLE = re.compile(r"<title>[^<]*</title>", re.IGNORECASE)
_APPLE_TITLE = re.compile(r"(<meta name=\"apple-mobile-web-app-title\" content=)\"[^\"]*\"", re.IGNORECASE)
_DESCRIPTION = re.compile(r"(<meta name=\"description\" content=)\"[^\"]*\"", re.IGNORECASE)
_CONFIG = "<!-- fletAppConfig -->"

# Flet's bundle contains Rive's loader. It asks a CDN for Rive's code at every start, whether or not the app
# has an animation, and takes no other address. With no_cdn the code comes from the folder "rive" of the app's
# assets (put the folders of the npm package @rive-app/flutter-native-wasm there). Most apps have none: then
# the script is given no address and asks for nothing.
_RIVE = """\
(() => {
  const src = Object.getOwnPropertyDescriptor(HTMLScriptElement.prototype, "src");
  const cdn = /^https:\\/\\/cdn\\.jsdelivr\\.net\\/npm\\/@rive-app\\/flutter-native-wasm@[^\\/]+\\//;
  Object.defineProperty(HTMLScriptElement.prototype, "src", {
    ...src,
    set(url) {
      if (!cdn.test(url)) return src.set.call(this, url);
      INSTEAD
    },
  });
})();"""
_OWN_RIVE = 'src.set.call(this, String(url).replace(cdn, flet.assetBase + "rive/"));'
_NO_RIVE = """\
console.debug("Rive is not loaded: with no_cdn its code belongs into the folder rive of the app's assets, " +
        "as the npm package @rive-app/flutter-native-wasm has it");"""
RIVE_FILE = "rive/wasm/rive_native.js"
"""The asset that Rive's loader begins with."""


@dataclass(frozen=True, slots=True)
class WebOptions:
    """What the browser's side of an app should look like.

    Attributes:
        proxy_path: path that a proxy in front strips; "" for none.
        base: the app's path as the browser sees it, with a slash at its end; "" finds it in each request.
        websocket_path: path of the socket below the app's path; with a slash at its start, below the domain.
        renderer: Flutter's renderer.
        route_strategy: whether routes are paths or fragments.
        no_cdn: whether everything comes from here.
        color_emoji: whether the fonts for what Flutter's own lack come from Google even so.
        title: name of the app in the browser's tab and when installed; "" keeps Flet's.
        short_title: name below the app's icon; "" for the title.
        description: what the app does; "" keeps Flet's.
        theme_color: colour of the installed app's title bar; "" keeps Flet's.
        background_color: colour of its window until it is painted; "" keeps Flet's.
        cluster: what resume.js is to know, as ``flet.cluster``.
    """

    proxy_path: str = ""
    base: str = ""
    websocket_path: str = "ws"
    renderer: Literal["auto", "canvaskit", "skwasm"] = "auto"
    route_strategy: Literal["path", "hash"] = "path"
    no_cdn: bool = True
    color_emoji: bool = False
    title: str = ""
    short_title: str = ""
    description: str = ""
    theme_color: str = ""
    background_color: str = ""
    cluster: Mapping[str, Any] = field(default_factory=dict)


def base_href(*parts: str) -> str:
    """Join path prefixes into the href of ``<base>``: ``/`` or ``/a/b/``."""
    names = [part.strip("/") for part in parts if part.strip("/")]
    return f"/{'/'.join(names)}/" if names else "/"


def patched_index(text: str, options: WebOptions, base: str, script: str, *, rive: bool = False) -> str:
    """Return index.html for an app.

    Args:
        text: Flet's index.html, or the one in the app's assets.
        options: what to write into it.
        base: the app's path as the browser sees it, see :func:`base_href`.
        script: URL of resume.js, or "" for none. It runs after Flet's settings and before Flutter's scripts.
        rive: whether the app's assets have Rive's code, see :data:`RIVE_FILE`.

    Raises:
        FletNotSupported: the file lacks a place that must be filled.
    """
    text = _replaced(
        text, _BASE, lambda found: f"{found[1]}{found[2]}{html.escape(base)}{found[2]}", "<base>"
    )
    if _CONFIG not in text:
        raise FletNotSupported(
            f"index.html lacks the line {_CONFIG}, where its settings go. If the file is your own (in the "
            "assets folder), start from the one of the installed flet-web; else this Flet release is not "
            "supported yet."
        )
    text = text.replace(_CONFIG, _config(options, base, rive=rive) + _script_tag(script), 1)
    if options.title:
        title = html.escape(options.title)
        text = _TITLE.sub(lambda _: f"<title>{title}</title>", text, count=1)
        text = _APPLE_TITLE.sub(lambda found: f'{found[1]}"{title}"', text, count=1)
    if options.description:
        description = html.escape(options.description)
        text = _DESCRIPTION.sub(lambda found: f'{found[1]}"{description}"', text, count=1)
    return text


def patched_manifest(text: str, options: WebOptions) -> str:
    """Return manifest.json with the app's names."""
    manifest = json.loads(text)
    wanted = {
        "name": options.title,
        "short_name": options.short_title or options.title,
        "description": options.description,
        "theme_color": options.theme_color,
        "background_color": options.background_color,
    }
    return json.dumps({**manifest, **{key: value for key, value in wanted.items() if value}}, indent=2)


def patched_font_manifest(text: str) -> str:
    """Return FontManifest.json with the bundled Roboto, which Flutter otherwise fetches from Google."""
    roboto = {"family": "Roboto", "fonts": [{"asset": "fonts/roboto.woff2"}]}
    return json.dumps([*json.loads(text), roboto], indent=2)


def _replaced(text: str, pattern: re.Pattern[str], replacement: Any, name: str) -> str:
    text, found = pattern.subn(replacement, text, count=1)
    if not found:
        raise FletNotSupported(f"index.html has no {name}: this Flet release is not supported yet.")
    return text


def _config(options: WebOptions, base: str, *, rive: bool) -> str:
    """Return the inline script with Flet's settings; the same names that Flet's own server writes."""
    values: dict[str, Any] = {
        "pyodide": False,
        "noCdn": options.no_cdn,
        "webRenderer": options.renderer,
        "routeUrlStrategy": options.route_strategy,
        "entrypointBaseUrl": base,
        "assetBase": base,
        "webSocketEndpoint": _socket_url(options.websocket_path, base),
    }
    if options.no_cdn:
        values["canvasKitBaseUrl"] = f"{base}canvaskit/"
    if options.no_cdn and not options.color_emoji:
        values["fontFallbackBaseUrl"] = "assets/fonts/"
    if options.cluster:
        values["cluster"] = dict(options.cluster)
    lines = [f"flet.{name} = {_javascript(value)};" for name, value in values.items()]
    if options.no_cdn:
        lines.append(_RIVE.replace("INSTEAD", _OWN_RIVE if rive else _NO_RIVE))
    return "<script>\n" + "\n".join(lines) + "\n</script>"


def _socket_url(path: str, base: str) -> str:
    return path if path.startswith("/") else base + path.strip("/")


def _javascript(value: Any) -> str:
    """Return a literal that cannot end its script element."""
    return json.dumps(value, sort_keys=True).replace("<", "\\u003c")


def _script_tag(url: str) -> str:
    return f'\n  <script src="{html.escape(url)}"></script>' if url else ""
