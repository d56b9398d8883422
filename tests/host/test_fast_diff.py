"""Shortcuts through Flet's diff: the same patches, to the byte, for whatever an app does to its page."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import itertools
import random
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import flet as ft
import pytest
from flet.controls import base_control, object_patch
from flet.controls.context import _context_page
from flet.controls.id_counter import ControlId
from flet.controls.object_patch import ObjectPatch
from flet.messaging.connection import Connection
from flet.messaging.session import Session
from flet.pubsub.pubsub_hub import PubSubHub
from flet.utils import validation

from flet_cluster.host import fast_diff, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flet.messaging.protocol import Message

STEPS = 120


class Recorder(Connection):
    """Keeps what a browser would get."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.loop = loop
        self.pubsubhub = PubSubHub(loop)
        self.packets: list[bytes] = []

    def send_message(self, message: Message) -> None:
        self.packets.append(wire.encode(message))


@dataclass
class Note:
    """Plain data of an app, on a page."""

    text: str = ""
    tags: list[str] = field(default_factory=list)


@ft.control
class Tally(ft.Column):
    """Changes itself in each update."""

    total: int = 0

    def before_update(self) -> None:
        self.total += 1
        self.spacing = self.total % 3
        if self.total % 5 == 0:
            self.controls.append(ft.Text(f"tally {self.total}"))


@ft.control(isolated=True)  # type: ignore[arg-type]
class Apart(ft.Row):
    """Is left alone by the updates of its parents."""


@ft.control("Odd")  # type: ignore[arg-type]
class Odd(ft.Control):
    """Has fields that Flet does not watch."""

    items: list[str] | None = field(default_factory=list)
    facts: dict[str, Any] | None = field(default_factory=dict)
    inset: ft.Padding | None = field(default_factory=lambda: ft.Padding.all(4))


def leaf(rng: random.Random) -> ft.Control:
    """Return some control."""
    kinds: list[Callable[[], ft.Control]] = [
        lambda: ft.Text(str(rng.random()), key=rng.choice([None, str(rng.randrange(5))])),
        lambda: ft.Button("b", on_click=lambda _: None, style=ft.ButtonStyle(padding=rng.randrange(9))),
        lambda: ft.TextField(value="t", data=Note("n", ["a"])),
        lambda: ft.Container(ft.Text("in"), padding=ft.Padding.all(3), gradient=None),
        lambda: ft.Slider(value=rng.choice([0.5, 0.25])),
        lambda: Tally([ft.Text("x")]),
        Odd,
        lambda: Apart([ft.Text("y")]),
        lambda: ft.Row([leaf(rng) for _ in range(rng.randrange(3))]),
        lambda: ft.Dropdown(options=[ft.DropdownOption(str(n)) for n in range(rng.randrange(4))]),
    ]
    return rng.choice(kinds)()


def controls_of(page: ft.Page) -> list[Any]:
    """Return all controls of the page, in the order in which they were made."""
    found = [control for control in page.session.index.values() if not hasattr(control, "_frozen")]
    return sorted(found, key=lambda control: int(control._i))


def change_list(control: Any, rng: random.Random) -> None:
    """Do something to the children of a control."""
    items = control.controls
    what = rng.randrange(6)
    if what == 0 or not items:
        items.insert(rng.randrange(len(items) + 1), leaf(rng))
    elif what == 1:
        items.pop(rng.randrange(len(items)))
    elif what == 2:
        rng.shuffle(items)
    elif what == 3:
        control.controls = list(items)
    elif what == 4:
        items[0] = leaf(rng)


def change_container(control: Any, rng: random.Random) -> None:
    """Do something to what a container holds."""
    control.content = rng.choice([None, leaf(rng), control.content])
    if isinstance(control.padding, ft.Padding):
        control.padding.left = rng.randrange(5)
    control.padding = rng.choice([None, control.padding, ft.Padding.all(rng.randrange(5))])


def change_odd(control: Any, rng: random.Random) -> None:
    """Do something to fields that Flet does not watch."""
    control.items = rng.choice([None, [], ["a"], control.items])
    control.facts = rng.choice([None, {}, {"a": [1], "b": ft.Padding.all(1)}, control.facts])
    control.inset = rng.choice([None, ft.Padding.all(rng.randrange(3)), control.inset])
    if control.items:
        control.items.append("b")
    if control.facts:
        control.facts[rng.choice("abc")] = rng.choice([1, "x", ft.Padding.all(2)])
        control.facts.pop(rng.choice("xabc"), None)


SETS: dict[type, dict[str, Callable[[random.Random], Any]]] = {
    ft.Text: {
        "value": lambda rng: str(rng.random()),
        "size": lambda rng: rng.choice([None, 20, 20.5]),
        "data": lambda rng: rng.choice([None, "x", 1, [1], ["a"], {"k": 1}]),
        "style": lambda rng: rng.choice([None, ft.TextStyle(size=rng.randrange(30))]),
    },
    ft.Button: {
        "on_click": lambda rng: rng.choice([None, lambda _: None]),
        "style": lambda rng: rng.choice([None, ft.ButtonStyle(padding=rng.randrange(9))]),
    },
    ft.TextField: {
        "data": lambda rng: rng.choice([None, {"k": [1]}, Note("m")]),
        "text_style": lambda rng: rng.choice([None, ft.TextStyle(size=3)]),
    },
    ft.Slider: {"value": lambda rng: rng.choice([0.0, 1.0, 0.5])},
    ft.Dropdown: {"options": lambda rng: rng.choice([[], [ft.DropdownOption("z")]])},
}


def change(control: Any, rng: random.Random) -> None:
    """Do something to a control that an app may do."""
    if isinstance(control, (ft.Row, ft.View)):
        change_list(control, rng)
    elif isinstance(control, ft.Container):
        change_container(control, rng)
    elif isinstance(control, Odd):
        change_odd(control, rng)
    for name, make in SETS.get(type(control), {}).items():
        setattr(control, name, rng.choice([make(rng), getattr(control, name)]))


def story(seed: int) -> list[bytes]:
    """Return the packets of one session that does what ``seed`` says."""
    return contextvars.copy_context().run(_story, seed)


def _story(seed: int) -> list[bytes]:
    rng = random.Random(seed)
    counter, ControlId._counter = ControlId._counter, itertools.count(1)
    loop = asyncio.new_event_loop()
    try:
        recorder = Recorder(loop)
        session = Session(recorder)
        page = session.page
        _context_page.set(page)
        page._services._internals["uid"] = "by chance in Flet"
        recorder.packets.append(wire.encode(page_message(session)))
        page.add(*(leaf(rng) for _ in range(6)))
        for _ in range(STEPS):
            for control in rng.sample(found := controls_of(page), min(len(found), rng.randrange(3))):
                change(control, rng)
            target = rng.choice([page, page, rng.choice(controls_of(page))])
            try:
                session.patch_control(target)
            except AttributeError as error:  # Flet takes a key of a dict for a field of the control
                recorder.packets.append(str(error).encode())
        return recorder.packets
    finally:
        loop.close()
        ControlId._counter = max((counter, ControlId._counter), key=repr_number)


def page_message(session: Session) -> Any:
    """Return the message that mounts the page."""
    from flet.messaging.protocol import Message, MessageAction  # noqa: PLC0415

    body: Any = session.get_page_patch()  # type: ignore[no-untyped-call]
    return Message(MessageAction.REGISTER_CLIENT, body)


def repr_number(counter: Any) -> int:
    """Return what a counter gives next."""
    return int(repr(counter)[len("count(") : -1])


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    """Leave Flet as it was."""
    before = vars(object_patch.DiffBuilder)["_compare_values"] is not fast_diff._values
    yield
    (fast_diff.install if before else fast_diff.uninstall)()


def test_flet_is_one_whose_diff_has_shortcuts() -> None:
    assert fast_diff.digest(object_patch) in fast_diff.KNOWN_DIFFS
    assert fast_diff.digest(base_control) in fast_diff.KNOWN_CONTROLS
    assert fast_diff.digest(validation) in fast_diff.KNOWN_VALIDATIONS


@pytest.mark.parametrize("seed", range(12))
def test_patches_are_the_same(seed: int) -> None:
    fast_diff.uninstall()
    plain = story(seed)
    fast_diff.install()
    assert story(seed) == plain
    assert len(plain) > STEPS / 4


@dataclass
class Facts(dict[str, Any]):
    """A dict that is a dataclass, too: Flet compares it as a dict."""

    kind: str = ""
    __hash__ = object.__hash__  # type: ignore[assignment]


class Touchy:
    """Says of nothing whether it is true, as an array does."""

    def __bool__(self) -> bool:
        raise ValueError("ambiguous")


@ft.control
class Restless(ft.Row):
    """Moves its neighbours while they are compared."""

    how: int = 0

    def before_update(self) -> None:
        around = getattr(self.parent, "controls", None)
        if around is None or around[0] is not self:
            return
        if self.how == 1:
            around[1:] = reversed(around[1:])
        elif self.how == 2:
            around.insert(1, ft.Text("new", key="k"))
        elif self.how == 3:
            around[1:] = [ft.Text("rebuilt", key="k"), "plain", ft.Column()]


def keys_that_are_equal(page: ft.Page) -> Iterator[None]:
    odd = Odd(facts={1: "a", "x": "b"})  # type: ignore[dict-item]
    page.add(odd)
    for key in (True, 1.0, 1):
        odd.facts = {"x": "b", key: str(key)}  # type: ignore[dict-item]
        yield


def dicts_that_are_dataclasses(page: ft.Page) -> Iterator[None]:
    facts = Facts(kind="a")
    odd = Odd(items=[facts])  # type: ignore[list-item]
    page.add(odd)
    for n in range(3):
        facts.kind, facts["n"] = str(n), n
        yield


def values_of_no_truth(page: ft.Page) -> Iterator[None]:
    odd = Odd(facts={"a": None, "b": 1})
    page.add(odd)
    assert odd.facts is not None
    for value in (Touchy(), None):
        odd.facts["a"] = value
        yield


def neighbours_that_move(page: ft.Page) -> Iterator[None]:
    restless = Restless()
    row = ft.Column([restless, ft.Text("1"), ft.Text("2", key="k"), ft.Row(), ft.Text("3")])
    page.add(row)
    for how in (1, 2, 3, 0, 1, 0):
        restless.how = how
        yield


@pytest.mark.parametrize(
    "tale", [keys_that_are_equal, dicts_that_are_dataclasses, values_of_no_truth, neighbours_that_move]
)
def test_patches_of_odd_values_are_the_same(tale: Callable[[ft.Page], Iterator[None]]) -> None:
    fast_diff.uninstall()
    plain = contextvars.copy_context().run(_told, tale)
    fast_diff.install()
    assert contextvars.copy_context().run(_told, tale) == plain


def _told(tale: Callable[[ft.Page], Iterator[None]]) -> list[bytes]:
    counter, ControlId._counter = ControlId._counter, itertools.count(1)
    loop = asyncio.new_event_loop()
    try:
        recorder = Recorder(loop)
        session = Session(recorder)
        _context_page.set(session.page)
        session.page._services._internals["uid"] = "by chance in Flet"
        recorder.packets.append(wire.encode(page_message(session)))
        for _ in tale(session.page):
            try:
                session.patch_control(session.page)
            except (AttributeError, TypeError, ValueError) as error:
                recorder.packets.append(f"{type(error)} {error}".encode())
        return recorder.packets
    finally:
        loop.close()
        ControlId._counter = max((counter, ControlId._counter), key=repr_number)


def test_a_class_of_a_session_ends_with_it() -> None:
    """Its functions know what surrounds it: the page, and the class itself."""
    fast_diff.install()

    def session() -> list[weakref.ref[Any]]:
        @dataclass
        class Local:
            text: str = ""
            made_by: list[str] = field(default_factory=lambda: [str(Local), str(page)])

        @ft.control
        class Ruled(ft.Container):
            def before_update(self) -> None:
                assert isinstance(self, Ruled)
                assert page is not None

        page: Any = None
        page = Ruled()
        page.badge = Local()
        ObjectPatch.from_diff(None, page, control_cls=ft.BaseControl)
        ObjectPatch.from_diff(page, page, control_cls=ft.BaseControl)
        for wrong in (None, 2):
            page.opacity = wrong
            with pytest.raises(ValueError, match="opacity"):
                page._before_update_safe()
        return [weakref.ref(it) for it in (Local, Ruled, page)]

    refs = session()
    gc.collect()
    assert [ref() for ref in refs] == [None] * 3


def test_which_fields_may_be_none_is_what_flet_says() -> None:
    fast_diff.install()
    for cls in (ft.Text, ft.Slider, ft.Container, ft.TextStyle, Note):
        for name in ("opacity", "size", "value", "max", "text", "no such"):
            assert fast_diff._allows_none(cls, name) == fast_diff._allowed(cls, name)
        assert fast_diff._rules(cls) == fast_diff._compiled(cls)


def test_fields_that_a_class_gets_later_are_seen() -> None:
    fast_diff.install()

    class Growing(Note):
        more: str = ""

    fields: Any = vars(object_patch)["dataclasses"].fields
    before = [each.name for each in fields(Growing("a"))]
    grown = [each.name for each in fields(dataclass(Growing)("a"))]
    assert (before, grown) == (["text", "tags"], ["text", "tags", "more"])


def test_another_release_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    fast_diff.uninstall()
    untouched = vars(object_patch.DiffBuilder)["_compare_values"]
    monkeypatch.setattr(fast_diff, "KNOWN_DIFFS", frozenset())
    fast_diff.install()
    assert vars(object_patch.DiffBuilder)["_compare_values"] is untouched


def test_a_control_without_a_page_says_so() -> None:
    fast_diff.install()
    with pytest.raises(RuntimeError, match=r"Text\(\d+\) Control must be added to the page first"):
        _ = ft.Text("a").page


def test_a_broken_rule_is_told_once_until_it_holds_again() -> None:
    fast_diff.install()
    text = ft.Text("a")
    for _ in range(2):
        text.opacity = 2
        with pytest.raises(ValueError, match="opacity"):
            text._before_update_safe()  # type: ignore[no-untyped-call]
        text._before_update_safe()  # type: ignore[no-untyped-call]
        text.opacity = 1
        text._before_update_safe()  # type: ignore[no-untyped-call]
