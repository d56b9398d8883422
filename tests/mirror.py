"""The control tree as the Flutter client holds it.

A line-by-line counterpart of ``Control`` in Flet's Dart client (``models/control.dart``): same merge of the
register response, same patch operations, same lookup by id. It keeps the client's oddities on purpose: the
register response is *merged*, so a property that the server no longer has stays.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from tests.wire import WireError

if TYPE_CHECKING:
    from collections.abc import Iterator

REPLACE, ADD, REMOVE, MOVE = range(4)
COMPONENT = "C"
COMPONENT_BODY = "_b"

Index = weakref.WeakValueDictionary[int, "MirrorControl"]


class MirrorControl:
    """One control: id, type and properties; the parent is held weakly, as in Dart."""

    __slots__ = ("__weakref__", "_parent", "id", "props", "type")

    def __init__(self, control_id: int, type_: str, parent: MirrorControl | None) -> None:
        self.id = control_id
        self.type = type_
        self.props: dict[str, Any] = {}
        self._parent = weakref.ref(parent) if parent is not None else None

    def __repr__(self) -> str:
        return f"{self.type}({self.id})"

    def get(self, name: str) -> Any:
        """A property, with a component replaced by what it renders."""
        return unwrap(self.props.get(name))

    def children(self) -> Iterator[MirrorControl]:
        """The controls directly below, in the order of the properties."""
        for value in self.props.values():
            yield from _controls_in(value)

    def walk(self) -> Iterator[MirrorControl]:
        """This control and everything below, depth first."""
        yield self
        for child in self.children():
            yield from child.walk()


def unwrap(value: Any) -> Any:
    """What a component renders, or the value itself."""
    while isinstance(value, MirrorControl) and value.type == COMPONENT:
        value = value.props.get(COMPONENT_BODY)
    return value


def _controls_in(value: Any) -> Iterator[MirrorControl]:
    if isinstance(value, MirrorControl):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _controls_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _controls_in(item)


class Mirror:
    """The client's page and its index of controls."""

    def __init__(self, page: dict[str, Any]) -> None:
        self.index: Index = weakref.WeakValueDictionary()
        self.page = self._from_map(page, None)

    def merge(self, control: MirrorControl, props: dict[Any, Any]) -> None:
        """Apply a plain map of properties (register response, or the client's own changes)."""
        self._merge(control, control.props, props)

    def patch(self, control_id: int, patch: list[Any]) -> None:
        """Apply a PATCH_CONTROL; a control the client does not have is ignored, as in Dart."""
        root = self.index.get(control_id)
        if root is None:
            return
        if len(patch) < 2:
            raise WireError(f"patch without operations: {patch}")
        paths = dict(_paths(patch[0], ()))
        for operation in patch[1:]:
            self._operate(root, paths, operation)

    def _operate(self, root: MirrorControl, paths: dict[int, tuple[Any, ...]], operation: list[Any]) -> None:
        kind, node, key = operation[:3]
        target, owner = _target(root, paths[node])
        if kind == REPLACE:
            target[key] = self._transform(operation[3], owner)
        elif kind == ADD and isinstance(target, list):
            target.insert(_position(key, len(target)), self._transform(operation[3], owner))
        elif kind == ADD:
            target[key] = self._transform(operation[3], owner)
        elif kind == REMOVE and isinstance(target, list):
            del target[_position(key, len(target) - 1)]
        elif kind == REMOVE:
            target.pop(key, None)
        elif kind == MOVE:
            _move(target, key, _target(root, paths[operation[3]])[0], operation[4])
        else:
            raise WireError(f"unknown operation {operation}")

    def _merge(self, parent: MirrorControl, into: dict[Any, Any], props: dict[Any, Any]) -> None:
        for key, value in props.items():
            old = into.get(key)
            if isinstance(old, dict) and isinstance(value, dict):
                self._merge(parent, old, value)
            elif isinstance(old, MirrorControl) and isinstance(value, dict) and old.id == value.get("_i"):
                self._merge(old, old.props, value)
            elif key not in ("_i", "_c"):
                into[key] = self._transform(value, parent)

    def _transform(self, value: Any, parent: MirrorControl | None) -> Any:
        if isinstance(value, dict):
            if "_c" in value:
                return self._from_map(value, parent)
            return {key: self._transform(item, parent) for key, item in value.items()}
        if isinstance(value, list):
            return [self._transform(item, parent) for item in value]
        return value

    def _from_map(self, data: dict[str, Any], parent: MirrorControl | None) -> MirrorControl:
        control = MirrorControl(data["_i"], data["_c"], parent)
        self.index[control.id] = control
        for key, value in data.items():
            if key not in ("_i", "_c"):
                control.props[key] = self._transform(value, control)
        return control


def _paths(node: list[Any], path: tuple[Any, ...]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    yield node[0], path
    if len(node) > 1:
        for key, child in node[1].items():
            yield from _paths(child, (*path, key))


def _target(root: MirrorControl, path: tuple[Any, ...]) -> tuple[Any, MirrorControl]:
    obj: Any = root
    owner = root
    for part in path:
        obj = obj.props[part] if isinstance(obj, MirrorControl) else obj[part]
        if isinstance(obj, MirrorControl):
            owner = obj
    return (obj.props if isinstance(obj, MirrorControl) else obj), owner


def _move(source: Any, source_key: Any, target: Any, target_key: Any) -> None:
    if isinstance(source, list) and isinstance(target, list):
        item = source.pop(_position(source_key, len(source) - 1))
        target.insert(_position(target_key, len(target)), item)
    elif isinstance(source, dict) and isinstance(target, dict):
        target[target_key] = source.pop(source_key)
    else:
        raise WireError("a move is possible between lists or between maps only")


def _position(index: int, limit: int) -> int:
    """Dart throws where Python would count from the end or clamp."""
    if not 0 <= index <= limit:
        raise WireError(f"list index {index} is not within 0..{limit}")
    return index


def dump(value: Any) -> Any:
    """A plain, deterministic copy: every property of every control, sorted by name."""
    if isinstance(value, MirrorControl):
        props = {key: dump(value.props[key]) for key in sorted(value.props)}
        return {"_c": value.type, "_i": value.id} | props
    if isinstance(value, dict):
        return {key: dump(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, list):
        return [dump(item) for item in value]
    return value
