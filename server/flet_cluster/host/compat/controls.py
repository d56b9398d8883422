"""Constructors of controls that take other arguments today (layer 3: imports Flet)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import flet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@flet.control("Stack", isolated=True)  # type: ignore[arg-type]  # its own typing is too narrow
class UserControl(flet.Stack):
    """A control that an app fills by returning controls from ``build``."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Today's Flet calls ``build`` at the same moment, and ignores what it returns."""
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            setattr(cls, "build", filling(vars(cls)["build"]))  # noqa: B010  mypy: not assignable


def filling(build: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a ``build`` that puts what it returns into its control."""

    @functools.wraps(build)
    def filled(self: Any) -> Any:
        """Build and fill."""
        content = build(self)
        self.controls = content if isinstance(content, list) else [content]
        return content

    return filled


def renamed(init: Callable[..., None], keywords: Mapping[str, str]) -> Callable[..., None]:
    """Return a constructor that also takes the older names of its arguments."""

    @functools.wraps(init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807  it becomes the class's
        """Take older names for today's."""
        for older, today in keywords.items():
            if older in kwargs:
                kwargs[today] = kwargs.pop(older)
        init(self, *args, **kwargs)

    return __init__


def other_name(today: str) -> property:
    """Return a property that is another name of ``today``."""
    return property(lambda self: getattr(self, today), lambda self, value: setattr(self, today, value))


def view_init(init: Callable[..., None]) -> Callable[..., None]:
    """``ft.View("/", [...])``: the route came first."""

    @functools.wraps(init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807  it becomes the class's
        """Tell the route by its type."""
        if args and isinstance(args[0], str):
            kwargs["route"], args = args[0], args[1:]
        init(self, *args, **kwargs)

    return __init__


def tab_init(init: Callable[..., None]) -> Callable[..., None]:
    """``ft.Tab(content=…)``: what the tab shows was its own."""

    @functools.wraps(init)
    def __init__(self: Any, *args: Any, content: Any = None, **kwargs: Any) -> None:  # noqa: N807  as above
        """Keep the content for :func:`tabs_init`."""
        init(self, *args, **kwargs)
        self.content = content

    return __init__


def tabs_init(init: Callable[..., None]) -> Callable[..., None]:
    """``ft.Tabs(tabs=[…])``: today a bar, and beside it a view of the contents, if there are any."""
    own = frozenset(flet.Tabs.__dataclass_fields__)
    of_bar = frozenset(flet.TabBar.__dataclass_fields__) - own

    @functools.wraps(init)
    def __init__(self: Any, *args: Any, tabs: Any = None, **kwargs: Any) -> None:  # noqa: N807  as above
        """Make the parts."""
        if tabs is None:
            init(self, *args, **kwargs)
            return
        bar = flet.TabBar(tabs=tabs, **{key: kwargs.pop(key) for key in list(kwargs) if key in of_bar})
        contents = [getattr(tab, "content", None) for tab in tabs]
        content: flet.Control = bar
        if any(contents):
            shown = [item or flet.Container() for item in contents]
            content = flet.Column([bar, flet.TabBarView(controls=shown, expand=True)], spacing=0)
        init(self, content=content, length=len(tabs), **kwargs)

    return __init__


def tabs_of(tabs: Any) -> Any:
    """Return the list of tabs: ``tabs.tabs`` of older Flet."""
    content = tabs.content
    bar = content if isinstance(content, flet.TabBar) else content.controls[0]
    return bar.tabs
