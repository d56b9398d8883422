"""Older spellings of Flet, for apps that use them and only for those (layer 3: imports Flet when needed).

Flet's documentation of years, and many apps, say ``ft.ElevatedButton``, ``page.add_async`` or
``page.client_storage``. When a program is loaded, its sources are read (not run); the older names that they
mention, and no others, are put where the app looks for them. So every node that loads the same program has
the same names before it restores a session, and an app of today's spelling finds Flet untouched.

The names are those of :mod:`names`. Nothing of them is in a snapshot but functions of :mod:`members`, by
name: an older class *is* today's.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import logging
from functools import reduce
from typing import TYPE_CHECKING, Any

from flet_cluster.host.compat import names
from flet_cluster.host.compat.sources import app_sources
from flet_cluster.host.compat.usage import Spelling, Usage, usage_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flet_cluster.host.modules import AppModules

logger = logging.getLogger("flet_cluster.host")

_installed: set[tuple[str, str]] = set()
_told: set[Path] = set()
_held: list[str] = []
_holding: list[bool] = []

MOST_NAMED = 20
"""The warning names so many spellings."""


def activate(file: Path, modules: AppModules) -> None:
    """Make the older spellings work that an app uses; log one warning that names them.

    Args:
        file: the module in which the app begins.
        modules: which modules are the app's own.
    """
    try:
        usage = usage_of(app_sources(file, modules))
    except Exception:  # an app that needs none of this must not fail by it
        logger.exception("%s is not searched for older spellings of Flet, please report this", file.name)
        return
    if not usage.places:
        return
    install(usage)
    if file not in _told:
        _told.add(file)
        _held.append(f"{file.name}: {'. '.join(_sentences(usage, modules.folder))}")
    if not _holding:
        tell()


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Keep what there is to say until :func:`tell`: who loads a program sets up the log only afterwards.

    If loading fails, it is said at once, since it may be the reason.
    """
    _holding.append(True)
    try:
        yield
    except BaseException:
        tell()
        raise
    finally:
        _holding.pop()


def tell() -> None:
    """Log what was held back."""
    remarks, _held[:] = _held[:], []
    for remark in remarks:
        logger.warning("%s", remark)


def install(usage: Usage) -> None:
    """Put the names in place. Doing it twice is harmless; they stay until the process ends."""
    import flet  # noqa: PLC0415  see the module's description

    for name in usage.of("names"):
        if (name in names.STILL_MODULES or not hasattr(flet, name)) and _first("names", name):
            setattr(flet, name, _today(names.NAMES[name]))
            if name not in flet.__all__:
                flet.__all__.append(name)
    for name in usage.of("attributes"):
        holder, _, attribute = name.partition(".")
        if not hasattr(_today(holder), attribute) and _first("attributes", name):
            today = _today(names.ATTRIBUTES[name])
            setattr(_today(holder), attribute, positional(today) if inspect.ismethod(today) else today)
    _install_members(usage)
    _install_constructors(usage)
    _install_now_async(usage)


def _first(table: str, name: str) -> bool:
    """Whether this is not installed yet; from now on it is."""
    new = (table, name) not in _installed
    _installed.add((table, name))
    return new


def _today(path: str) -> Any:
    """Return the object of a path in the tables."""
    if path.startswith("'"):
        return path.strip("'")
    module, colon, path = path.rpartition(":")
    steps = path.split(".") if path else []
    return reduce(getattr, steps, importlib.import_module(module if colon else "flet"))


def positional(maker: Callable[..., Any]) -> Callable[..., Any]:
    """``padding.symmetric(10, 20)``: today's makers take keywords only, in the same order."""
    keywords = list(inspect.signature(maker).parameters)

    def make(*args: Any, **kwargs: Any) -> Any:
        """Name the arguments."""
        return maker(**dict(zip(keywords, args, strict=False)), **kwargs)

    return make


def _install_members(usage: Usage) -> None:
    if not any(usage.of(table) for table in ("page", "control", "session", "pubsub")):
        return
    from flet.controls.base_control import BaseControl  # noqa: PLC0415  see the module's description
    from flet.controls.page import Page  # noqa: PLC0415
    from flet.messaging.session import Session  # noqa: PLC0415
    from flet.pubsub.pubsub_client import PubSubClient  # noqa: PLC0415

    from flet_cluster.host.compat import members  # noqa: PLC0415

    bundles = {
        "page": (Page, members.PageMembers),
        "control": (BaseControl, members.ControlMembers),
        "session": (Session, members.SessionMembers),
        "pubsub": (PubSubClient, members.PubSubMembers),
    }
    for table, (cls, bundle) in bundles.items():
        for name in usage.of(table):
            if not hasattr(cls, name) and _first(table, name):
                setattr(cls, name, vars(bundle)[name])


def _install_constructors(usage: Usage) -> None:
    if not usage.of("keywords") and not usage.of("shapes"):
        return
    from flet_cluster.host.compat import controls  # noqa: PLC0415  see the module's description

    for name in usage.of("keywords"):
        cls_name, _, keyword = name.partition(".")
        cls, today = _today(cls_name), names.KEYWORDS[cls_name][keyword]
        if keyword not in cls.__dataclass_fields__ and _first("keywords", name):
            cls.__init__ = controls.renamed(cls.__init__, {keyword: today})
            setattr(cls, keyword, controls.other_name(today))
    for name in usage.of("shapes"):
        cls = _today(name.partition("(")[0])
        if not _first("shapes", name):
            continue
        if cls.__name__ == "View":
            cls.__init__ = controls.view_init(cls.__init__)
            continue
        cls.__init__ = controls.tabs_init(cls.__init__)
        cls.tabs = property(controls.tabs_of)
        tab = _today("Tab")
        tab.__init__ = controls.tab_init(tab.__init__)


def _install_now_async(usage: Usage) -> None:
    """Let ``field.focus()`` begin without ``await``, for the classes that the app mentions."""
    if not usage.of("now_async"):
        return
    from flet_cluster.host.compat import members  # noqa: PLC0415  see the module's description

    for name in ("Page", *sorted(usage.classes)):
        cls = _class(name)
        for base in cls.__mro__ if cls is not None else ():
            for method in set(usage.of("now_async")) & vars(base).keys():
                if base.__module__.startswith("flet.") and _first("now_async", f"{base.__name__}.{method}"):
                    setattr(base, method, members.begun(vars(base)[method]))


def _class(name: str) -> type | None:
    try:
        found = _today(name)
    except (AttributeError, ImportError):
        return None
    return found if isinstance(found, type) else None


# -- the warning ------------------------------------------------------------------------------------------


def _sentences(usage: Usage, folder: Path) -> Iterator[str]:
    """Yield what there is to say: what works here, and what does not."""
    used = {found: places for found, places in usage.places.items() if places}
    works = [_line(found, places, folder) for found, places in used.items() if found.table != "gone"]
    fails = [_line(found, places, folder) for found, places in used.items() if found.table == "gone"]
    if works:
        yield "older spellings of Flet, which work here but not in Flet itself. Today: " + _list(works)
    if fails:
        yield "Older names of Flet that cannot work. Instead: " + _list(fails)


def _list(lines: list[str]) -> str:
    more = len(lines) - MOST_NAMED
    return "; ".join(lines[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _line(found: Spelling, places: list[tuple[Path, int]], folder: Path) -> str:
    path, line = places[0]
    place = path.relative_to(folder) if path.is_relative_to(folder) else path
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    older, today = spelling(found)
    verb = ": " if found.table == "gone" else " is "
    return f"{older}{verb}{today} ({place}:{line}{more})"


def spelling(found: Spelling) -> tuple[str, str]:
    """Return how a row of the tables is written in an app, and what is written today."""
    table, name = found
    cls, _, keyword = name.partition(".")
    return {
        "names": lambda: (f"ft.{name}", names.ELSEWHERE.get(name, f"ft.{names.NAMES[name]}")),
        "attributes": lambda: (f"ft.{name}", names.ELSEWHERE.get(name, f"ft.{names.ATTRIBUTES[name]}")),
        "keywords": lambda: (f"ft.{cls}({keyword}=…)", f"ft.{cls}({names.KEYWORDS[cls][keyword]}=…)"),
        "shapes": lambda: (f"ft.{name}", names.SHAPES[name]),
        "page": lambda: (f"page.{name}", names.PAGE[name]),
        "control": lambda: (f".{name}", names.CONTROL[name]),
        "session": lambda: (f"page.session.{name}", names.SESSION[name]),
        "pubsub": lambda: (f"page.pubsub.{name}", names.PUBSUB[name]),
        "now_async": lambda: (f".{name}()", f"await .{name}()"),
        "gone": lambda: (name, names.GONE[name]),
    }[table]()
