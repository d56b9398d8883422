"""What a user could do on a page now: everything that can be clicked, chosen or typed into."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loadtest._tree import Control, unwrap

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator

    from loadtest._page import Page

_WORDS = ("apple", "bread", "cloud", "door", "earth", "fire", "glass", "house")
_SWITCHES = frozenset({"Checkbox", "CupertinoCheckbox", "CupertinoSwitch", "Switch"})
_SLIDERS = frozenset({"CupertinoSlider", "Slider"})
_FIELDS = frozenset({"CupertinoTextField", "TextField"})
_BARS = frozenset({"CupertinoNavigationBar", "NavigationBar", "NavigationDrawer", "NavigationRail"})
_TAP = {"k": "mouse", "l": {"x": 5.0, "y": 5.0}, "g": {"x": 5.0, "y": 5.0}}


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing to do.

    Attributes:
        control: what it is done to.
        heard: the app gets an event of it. What is only typed waits for the next one.
        act: returns the packets; call it once.
    """

    control: Control
    heard: bool
    act: Callable[[], list[bytes]]


def deeds(page: Page, skip: re.Pattern[str] | None = None) -> list[Deed]:
    """Return all that can be done.

    Args:
        page: as it is now.
        skip: controls with a label that it finds are left alone.
    """
    found = []
    for control in page.reachable():
        if skip is None or not any(skip.search(label) for label in control.labels()):
            found += list(_to(page, control))
    return found


def typed(page: Page, field: Control, text: str) -> list[bytes]:
    """Return the packets of writing into a text field."""
    written = [page.update(field, {"value": text})]
    return [*written, page.event(field, "change", text)] if field.listens("change") else written


def _to(page: Page, control: Control) -> Iterator[Deed]:
    """Yield what can be done to one control."""
    if control.listens("click"):
        yield Deed(control, heard=True, act=lambda: [page.event(control, "click")])
    elif control.type == "GestureDetector" and control.listens("tap"):
        yield Deed(control, heard=True, act=lambda: [page.event(control, "tap", _TAP)])
    if control.type in _FIELDS:
        yield from _to_field(page, control)
        return
    options = list(_values(control))
    if options:
        name = "selected_index" if control.type in _BARS or control.type == "Tabs" else "value"
        event = "select" if control.type == "Dropdown" else "change"
        yield _choice(page, control, name, event, options)


def _to_field(page: Page, field: Control) -> Iterator[Deed]:
    if field.props.get("read_only"):
        return
    text = " ".join(random.choices(_WORDS, k=2))
    yield Deed(field, heard=field.listens("change"), act=lambda: typed(page, field, text))
    if field.listens("submit"):
        yield Deed(
            field,
            heard=True,
            act=lambda: [*typed(page, field, text), page.event(field, "submit", text)],
        )


def _choice(page: Page, control: Control, name: str, event: str, options: list[Any]) -> Deed:
    def act() -> list[bytes]:
        value = random.choice(options)
        sent = [page.update(control, {name: value})]
        return [*sent, page.event(control, event, value)] if control.listens(event) else sent

    return Deed(control, control.listens(event), act)


def _values(control: Control) -> Iterator[Any]:
    """Yield what a control could be set to."""
    if control.type in _SWITCHES:
        yield not control.props.get("value")
    elif control.type in _SLIDERS:
        low, high = control.props.get("min") or 0.0, control.props.get("max") or 1.0
        yield from (low, (low + high) / 2, high)
    elif control.type == "Dropdown":
        for option in control.get("options") or []:
            value = unwrap(option).get("key") or unwrap(option).get("text")
            if value is not None:
                yield value
    elif control.type == "RadioGroup":
        yield from (radio.get("value") for radio in _radios(control))
    elif control.type in _BARS:
        yield from range(len(control.get("destinations") or control.get("controls") or []))
    elif control.type == "Tabs":
        yield from range(int(control.props.get("length") or 0))


def _radios(control: Control) -> Iterator[Control]:
    for child in control.children():
        found = unwrap(child)
        if not isinstance(found, Control):
            continue
        if found.type in {"Radio", "CupertinoRadio"}:
            yield found
        else:
            yield from _radios(found)
