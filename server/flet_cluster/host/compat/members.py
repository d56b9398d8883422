"""What the older methods and properties of pages and controls do today (layer 3: imports Flet).

Each class here is a bundle: :func:`install` of the package puts those of its members that an app uses on
Flet's class. Most are made from the tables in ``names.py``. A bound method of one travels in a snapshot as a
name in this module, which every node has, whether or not its app still uses it. A client call that an older
method did not wait for is begun as a recorded task.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
from typing import TYPE_CHECKING, Any

import flet

from flet_cluster.host.compat import names

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_SLOTS = ("dialog", "snack_bar", "banner", "bottom_sheet", "splash")
_SHOWN = ("snack_bar", "banner", "bottom_sheet")


class ClientStorage:
    """``page.client_storage``: values of any JSON type in the browser, in the format of older Flet.

    Writing returns at once. Reading is for ``await`` only: a sync handler cannot wait for its browser.
    """

    def __init__(self, page: Any) -> None:
        self._page = page

    async def set_async(self, key: str, value: Any) -> bool:
        """Store a value."""
        return await flet.SharedPreferences().set(key, json.dumps(value, separators=(",", ":")))

    async def get_async(self, key: str) -> Any:
        """Return a value, or None."""
        stored = await flet.SharedPreferences().get(key)
        return json.loads(stored) if isinstance(stored, str) and stored else stored

    async def contains_key_async(self, key: str) -> bool:
        """Tell whether there is a value."""
        return await flet.SharedPreferences().contains_key(key)

    async def get_keys_async(self, key_prefix: str) -> list[str]:
        """Return the keys that begin with ``key_prefix``."""
        return await flet.SharedPreferences().get_keys(key_prefix)

    async def remove_async(self, key: str) -> bool:
        """Forget a value."""
        return await flet.SharedPreferences().remove(key)

    async def clear_async(self) -> bool:
        """Forget all values."""
        return await flet.SharedPreferences().clear()

    def set(self, key: str, value: Any) -> None:
        """Store a value, soon."""
        self._page.run_task(self.set_async, key, value)

    def remove(self, key: str) -> None:
        """Forget a value, soon."""
        self._page.run_task(self.remove_async, key)

    def clear(self) -> None:
        """Forget all values, soon."""
        self._page.run_task(self.clear_async)

    def __getattr__(self, name: str) -> Any:
        """Say what to do instead of waiting."""
        advice = names.GONE.get(f"page.client_storage.{name}")
        raise AttributeError(f"page.client_storage.{name}: {advice}" if advice else name)


class ControlMembers:
    """For every control, the page included."""


class PageMembers:
    """For the page."""

    def go(self: Any, route: str, skip_route_change_event: bool = False, **kwargs: Any) -> None:
        """Change the route; ``on_route_change`` runs even if it is the present one."""
        if not (skip_route_change_event and route == self.route):
            self.run_task(go_there, self, route, kwargs)

    async def go_async(self: Any, route: str, skip_route_change_event: bool = False, **kwargs: Any) -> None:
        """Change the route."""
        if not (skip_route_change_event and route == self.route):
            await go_there(self, route, kwargs)

    def open(self: Any, dialog: Any) -> None:
        """Show a dialog, a sheet, a banner or a snack bar; again if it is being shown already."""
        if not isinstance(dialog, flet.DialogControl):
            kind = type(dialog).__name__
            raise TypeError(f"page.open({kind}) is no more: for a drawer, await page.show_drawer()")
        if any(shown is dialog for shown in self._dialogs.controls):
            dialog.open = True
            dialog.update()
        else:
            self.show_dialog(dialog)

    def close(self: Any, dialog: Any) -> None:
        """Close what :meth:`open` has shown."""
        dialog.open = False
        dialog.update()

    def close_dialog(self: Any) -> None:
        """Close the dialog on top, or that of ``page.dialog``."""
        _hide(self, "dialog")
        self.pop_dialog()

    def launch_url(self: Any, url: str, web_window_name: str | None = None, **_: Any) -> None:
        """Open a URL."""
        self.run_task(open_url, url, web_window_name)

    async def launch_url_async(self: Any, url: str, web_window_name: str | None = None, **_: Any) -> None:
        """Open a URL."""
        await open_url(url, web_window_name)

    async def can_launch_url_async(self: Any, url: str) -> bool:
        """Tell whether the browser can open a URL."""
        return await flet.UrlLauncher().can_launch_url(url)

    def set_clipboard(self: Any, data: str, **_: Any) -> None:
        """Put a text on the clipboard."""
        self.run_task(fill_clipboard, data)

    async def set_clipboard_async(self: Any, data: str, **_: Any) -> None:
        """Put a text on the clipboard."""
        await fill_clipboard(data)

    async def get_clipboard_async(self: Any, **_: Any) -> str | None:
        """Return the text on the clipboard."""
        return await flet.Clipboard().get()

    @property
    def session_id(self: Any) -> str:
        """The session's id."""
        found: str = self.session.id
        return found

    @property
    def client_storage(self: Any) -> ClientStorage:
        """Values in the browser."""
        return ClientStorage(self)


class SessionMembers:
    """For ``page.session``, which held the values itself; they are in its ``store`` now."""


class PubSubMembers:
    """For ``page.pubsub``."""


async def go_there(page: Any, route: str, arguments: dict[str, Any]) -> None:
    """Change the route; a client says nothing when it stays the same, so that is said here."""
    target = route + page.query.post(arguments) if arguments else route
    if target == page.route:
        page.session.live.inputs.page_event("route_change", {"route": target})
    else:
        await page.push_route(target)


async def open_url(url: str, window: str | None) -> None:
    """Open a URL in the browser that shows the page."""
    await flet.UrlLauncher().launch_url(url, web_only_window_name=window)


async def fill_clipboard(value: str) -> None:
    """Put a text on the clipboard."""
    await flet.Clipboard().set(value)


def begun(method: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """Let a coroutine method run whether or not its caller awaits what it returns."""

    @functools.wraps(method)
    def begin(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Begin, and return the task."""
        coro = method(self, *args, **kwargs)
        try:
            return asyncio.get_running_loop().create_task(coro)
        except RuntimeError:  # a thread of page.run_thread
            return asyncio.run_coroutine_threadsafe(coro, self.page.session.connection.loop)

    return begin


def _slot(name: str) -> property:
    """``page.dialog = …``: one control beside the views; it shows when its ``open`` says so."""
    kept = f"_older_{name}"

    def put(page: Any, control: Any) -> None:
        before = getattr(page, kept, None)
        if before is not control:
            page.overlay[:] = [item for item in page.overlay if item is not before]
            page.overlay.extend([] if control is None else [control])
        setattr(page, kept, control)

    return property(lambda page: getattr(page, kept, None), put)


def _elsewhere(path: str) -> property:
    """``page.window_width``: a property that has another name, or is that of an object of the page."""
    *holders, name = path.split(".")[1:]

    def holder(page: Any) -> Any:
        return functools.reduce(getattr, holders, page)

    return property(
        lambda page: getattr(holder(page), name), lambda page, value: setattr(holder(page), name, value)
    )


def _showing(slot: str) -> Callable[..., None]:
    put = vars(PageMembers)[slot].fset

    def show(self: Any, control: Any) -> None:
        """Show what is given."""
        put(self, control)
        control.open = True
        self.update()

    return show


def _hide(page: Any, slot: str) -> None:
    control = getattr(page, f"_older_{slot}", None)
    if control is not None and control.open:
        control.open = False
        page.update()


def _hiding(slot: str) -> Callable[..., None]:
    def close(self: Any) -> None:
        """Close what was shown."""
        _hide(self, slot)

    return close


def _stored(name: str) -> Callable[..., Any]:
    def call(self: Any, *args: Any) -> Any:
        """Ask the session's store."""
        return getattr(self.store, name)(*args)

    return call


def _awaitable(bundle: type, name: str) -> Callable[..., Any]:
    """``add_async`` of ``add``, which may be today's method or another member of the bundle."""
    ours = vars(bundle).get(name)

    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Call it, and await what it returns if that can be awaited."""
        result = ours(self, *args, **kwargs) if ours is not None else getattr(self, name)(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    return call


def _add(bundle: type, name: str, member: Any) -> None:
    """Give a bundle a member under which snapshots find it."""
    if not isinstance(member, property):
        member.__name__, member.__qualname__ = name, f"{bundle.__name__}.{name}"
    setattr(bundle, name, member)


def _fill() -> None:
    """Make the members that the tables describe."""
    for slot in _SLOTS:
        _add(PageMembers, slot, _slot(slot))
    for slot in _SHOWN:
        _add(PageMembers, f"show_{slot}", _showing(slot))
        if f"close_{slot}" in names.PAGE:
            _add(PageMembers, f"close_{slot}", _hiding(slot))
    for name in names.SESSION:
        _add(SessionMembers, name, _stored(name))
    tables = ((PageMembers, names.PAGE), (ControlMembers, names.CONTROL), (PubSubMembers, names.PUBSUB))
    for bundle, table in tables:
        for name, today in table.items():
            if name in vars(bundle):
                continue
            plain = name.removesuffix("_async")
            _add(bundle, name, _awaitable(bundle, plain) if plain != name else _elsewhere(today))


_fill()
