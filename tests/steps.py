"""What a user does, in words that do not depend on control ids.

A :class:`Script` is a list of steps for one sample app and what must be visible at the end. A step turns
into packets with the client's tree at that moment: ``client.step(Click("Add"))``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import msgpack
from tests.mirror import MirrorControl, unwrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.flet_client import FletClient

LABELS = ("content", "value", "text", "label", "title", "tooltip", "name", "hint_text")


@dataclass(frozen=True, slots=True)
class Find:
    """Names a control as a user would: what it says, what it is, which one of several.

    Attributes:
        text: its label, or the label of a text directly inside.
        type: its Flet type, ``"TextField"``.
        key: its ``key``.
        nth: which of the matches, from the top; negative counts from the end.
    """

    text: str | None = None
    type: str | None = None
    key: str | None = None
    nth: int = 0

    def matches(self, control: MirrorControl) -> bool:
        """Whether ``control`` is meant, apart from ``nth``."""
        return (
            (self.type is None or control.type == self.type)
            and (self.key is None or _key(control) == self.key)
            and (self.text is None or self.text in labels(control))
        )


def _key(control: MirrorControl) -> str | None:
    key = control.props.get("key")
    if isinstance(key, dict):
        key = key.get("value")
    return None if key is None else str(key)


def labels(control: MirrorControl) -> Iterable[str]:
    """The strings a control shows itself or through a text that is its direct child."""
    for name in LABELS:
        value = control.get(name)
        if isinstance(value, MirrorControl):
            value = value.get("value")
        if isinstance(value, str):
            yield value


def find(target: str | Find) -> Find:
    """A plain string means the text."""
    return target if isinstance(target, Find) else Find(text=target)


class Step(Protocol):
    """One thing a user does."""

    def packets(self, client: FletClient) -> list[bytes]:
        """What the client sends for it."""


@dataclass(frozen=True, slots=True)
class Event:
    """A control event; like the real client, it is sent only if the server listens.

    Attributes:
        always: for the events which the client sends without looking for a listener.
    """

    target: str | Find
    name: str
    data: Any = None
    always: bool = False

    def packets(self, client: FletClient) -> list[bytes]:
        """One CONTROL_EVENT."""
        handler = None if self.always else f"on_{self.name}"
        control = client.find(find(self.target), handler)
        return client.trigger(control, self.name, self.data, always=self.always)


@dataclass(frozen=True, slots=True)
class Click:
    """A click or tap."""

    target: str | Find

    def packets(self, client: FletClient) -> list[bytes]:
        """One click event."""
        return client.trigger(client.find(find(self.target), "on_click"), "click")


@dataclass(frozen=True, slots=True)
class Change:
    """The user changes a value: text field, checkbox, switch, slider, radio, rail, tabs.

    The client first writes the property, then reports ``event`` if somebody listens.
    """

    target: str | Find
    value: Any
    prop: str = "value"
    event: str = "change"

    def packets(self, client: FletClient) -> list[bytes]:
        """UPDATE_CONTROL_PROPS and the event."""
        control = client.find(find(self.target))
        return [
            client.update(control, {self.prop: self.value}),
            *client.trigger(control, self.event, self.value),
        ]


@dataclass(frozen=True, slots=True)
class Select:
    """Choosing from a ``Dropdown``: the text changes first, then the value."""

    target: str | Find
    value: str
    text: str | None = None

    def packets(self, client: FletClient) -> list[bytes]:
        """The four messages of Flet's dropdown."""
        control = client.find(find(self.target))
        text = self.text or self.value
        return [
            client.update(control, {"text": text}),
            *client.trigger(control, "text_change", text),
            client.update(control, {"value": self.value}),
            *client.trigger(control, "select", self.value),
        ]


@dataclass(frozen=True, slots=True)
class Submit:
    """Enter in a text field."""

    target: str | Find

    def packets(self, client: FletClient) -> list[bytes]:
        """One submit event with the field's text."""
        control = client.find(find(self.target), "on_submit")
        return client.trigger(control, "submit", control.get("value") or "")


@dataclass(frozen=True, slots=True)
class Dismiss:
    """The user closes a dialog by a tap outside, or a snack bar times out."""

    target: str | Find

    def packets(self, client: FletClient) -> list[bytes]:
        """What the client reports when a dialog has closed."""
        return client.close_dialog(client.find(find(self.target)))


@dataclass(frozen=True, slots=True)
class PickDate:
    """The user chooses a day (``YYYY-MM-DD``) in a ``DatePicker``."""

    target: str | Find
    day: str

    def packets(self, client: FletClient) -> list[bytes]:
        """The value, ``change`` and ``dismiss``; Dart sends dates in UTC as an extension type."""
        value = msgpack.ExtType(1, f"{self.day}T00:00:00.000+00:00".encode())
        return client.close_dialog(client.find(find(self.target)), value)


@dataclass(frozen=True, slots=True)
class Route:
    """The browser's address changes (typed, back, forward)."""

    route: str

    def packets(self, client: FletClient) -> list[bytes]:
        """The page's new route and its event."""
        return client.go(self.route)


@dataclass(frozen=True, slots=True)
class Back:
    """The back arrow of the topmost view's app bar."""

    def packets(self, client: FletClient) -> list[bytes]:
        """One ``view_pop`` for the topmost view."""
        views = [unwrap(view) for view in unwrap(client.page.props["views"])]
        route = views[-1].props.get("route", str(views[-1].id))
        return client.trigger(client.page, "view_pop", {"route": route}, always=True)


@dataclass(frozen=True, slots=True)
class Key:
    """A key pressed anywhere on the page."""

    key: str

    def packets(self, client: FletClient) -> list[bytes]:
        """One ``keyboard_event``, sent whether or not somebody listens."""
        data = {"key": self.key, "shift": False, "ctrl": False, "alt": False, "meta": False}
        return client.trigger(client.page, "keyboard_event", data, always=True)


@dataclass(frozen=True, slots=True)
class Resize:
    """The browser's window changes its size."""

    width: float
    height: float

    def packets(self, client: FletClient) -> list[bytes]:
        """The new size and ``resize``."""
        size = {"width": self.width, "height": self.height}
        return [client.update(client.page, size), *client.trigger(client.page, "resize", size, always=True)]


@dataclass(frozen=True, slots=True)
class Shows:
    """A visible control says exactly this."""

    text: str

    def check(self, client: FletClient) -> None:
        """Fail with what is visible instead."""
        assert self.text in client.texts(), f"{self.text!r} is not among {client.texts()}"


@dataclass(frozen=True, slots=True)
class Hides:
    """No visible control says this."""

    text: str

    def check(self, client: FletClient) -> None:
        """Fail if it is there."""
        assert self.text not in client.texts(), f"{self.text!r} is visible"


@dataclass(frozen=True, slots=True)
class Holds:
    """A control's property has this value."""

    target: str | Find
    prop: str
    value: Any

    def check(self, client: FletClient) -> None:
        """Fail with the value it has."""
        found = client.find(find(self.target)).get(self.prop)
        assert found == self.value, f"{self.target}.{self.prop} is {found!r}, not {self.value!r}"


@dataclass(frozen=True, slots=True)
class Called:
    """The server has invoked these client methods, in this order and no others."""

    methods: tuple[str, ...]

    def check(self, client: FletClient) -> None:
        """Fail with what was invoked."""
        assert tuple(client.calls) == self.methods, client.calls


@dataclass(frozen=True, slots=True)
class Crashed:
    """The server has reported an error that starts with this."""

    message: str

    def check(self, client: FletClient) -> None:
        """Fail with what was reported."""
        assert any(crash.startswith(self.message) for crash in client.crashes), client.crashes


Expectation = Shows | Hides | Holds | Called | Crashed


@dataclass(frozen=True, slots=True)
class Script:
    """A run of one sample app.

    Attributes:
        app: module name under ``tests.apps``.
        steps: what the user does.
        expect: what must hold at the end.
        replies: answers to invoked methods, by ``"Type.method"``; an exception instance is an error reply.
        route: where the browser starts.
    """

    app: str
    steps: tuple[Step, ...]
    expect: tuple[Expectation, ...]
    replies: Mapping[str, Any] = field(default_factory=dict)
    route: str = "/"

    @property
    def may_crash(self) -> bool:
        """Whether an error report is part of the plot."""
        return any(isinstance(expectation, Crashed) for expectation in self.expect)
