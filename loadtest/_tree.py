"""A page's controls as the Flutter client holds them: built from the first answer, changed by patches."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

REPLACE, ADD, REMOVE, MOVE = range(4)
_COMPONENT, _COMPONENT_BODY = "C", "_b"
_LABELS = ("content", "value", "text", "label", "title", "tooltip", "name", "hint_text")


class Control:
    """One control.

    Attributes:
        id: its number in the page.
        type: Flet's name for what it is, ``"TextField"``.
        props: its properties; what is below it is among them.
    """

    __slots__ = ("__weakref__", "id", "props", "type")

    def __init__(self, control_id: int, type_: str) -> None:
        self.id = control_id
        self.type = type_
        self.props: dict[Any, Any] = {}

    def get(self, name: str) -> Any:
        """Return a property; for a component what it renders."""
        return unwrap(self.props.get(name))

    def listens(self, event: str) -> bool:
        """Whether the app wants to hear of an event, ``"click"``."""
        return self.props.get(f"on_{event}") is True

    @property
    def key(self) -> str | None:
        """Its ``key``, as text."""
        key = self.props.get("key")
        if isinstance(key, dict):
            key = key.get("value")
        return None if key is None else str(key)

    def labels(self) -> Iterator[str]:
        """What it says, itself or through a text directly inside."""
        for name in _LABELS:
            value = self.get(name)
            if isinstance(value, Control):
                value = value.get("value")
            if isinstance(value, str):
                yield value

    def children(self) -> Iterator[Control]:
        """The controls directly below."""
        for value in self.props.values():
            yield from _controls_in(value)


def unwrap(value: Any) -> Any:
    """Return what a component renders, or the value itself."""
    while isinstance(value, Control) and value.type == _COMPONENT:
        value = value.props.get(_COMPONENT_BODY)
    return value


def _controls_in(value: Any) -> Iterator[Control]:
    if isinstance(value, Control):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _controls_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _controls_in(item)


class Tree:
    """A page and its controls by number.

    Args:
        page: properties of the page that the client itself knows, with ``_c`` and ``_i``.
    """

    def __init__(self, page: dict[str, Any]) -> None:
        self.index: weakref.WeakValueDictionary[int, Control] = weakref.WeakValueDictionary()
        self.page = self._control(page)

    def merge(self, control: Control, props: dict[Any, Any]) -> None:
        """Take a map of properties: the answer to a registration, or what the client changes itself."""
        self._merge(control.props, props)

    def patch(self, control_id: int, patch: list[Any]) -> None:
        """Take a patch. One for a control that is not here is ignored, as the real client does.

        Raises:
            LookupError, TypeError: it does not fit what is here.
        """
        root = self.index.get(control_id)
        if root is None:
            return
        paths = dict(_paths(patch[0], ()))
        for operation in patch[1:]:
            self._operate(root, paths, operation)

    def _operate(self, root: Control, paths: dict[int, tuple[Any, ...]], operation: list[Any]) -> None:
        kind, node, key = operation[:3]
        target = _target(root, paths[node])
        if kind == MOVE:
            _target(root, paths[operation[3]]).insert(operation[4], target.pop(key))
        elif kind == REMOVE and isinstance(target, dict):
            target.pop(key, None)
        elif kind == REMOVE:
            del target[key]
        elif kind == ADD and isinstance(target, list):
            target.insert(key, self._value(operation[3]))
        else:
            target[key] = self._value(operation[3])

    def _merge(self, into: dict[Any, Any], props: dict[Any, Any]) -> None:
        for key, value in props.items():
            old = into.get(key)
            if isinstance(old, dict) and isinstance(value, dict):
                self._merge(old, value)
            elif isinstance(old, Control) and isinstance(value, dict) and old.id == value.get("_i"):
                self._merge(old.props, value)
            elif key not in {"_i", "_c"}:
                into[key] = self._value(value)

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            if "_c" in value:
                return self._control(value)
            return {key: self._value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._value(item) for item in value]
        return value

    def _control(self, data: dict[Any, Any]) -> Control:
        control = Control(data["_i"], data["_c"])
        self.index[control.id] = control
        for key, value in data.items():
            if key not in {"_i", "_c"}:
                control.props[key] = self._value(value)
        return control


def _paths(node: list[Any], path: tuple[Any, ...]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    yield node[0], path
    if len(node) > 1:
        for key, child in node[1].items():
            yield from _paths(child, (*path, key))


def _target(root: Control, path: tuple[Any, ...]) -> Any:
    found: Any = root
    for part in path:
        found = found.props[part] if isinstance(found, Control) else found[part]
    return found.props if isinstance(found, Control) else found
