"""Shortcuts through Flet's diff for what has not changed (layer 3: may import Flet).

After each event Flet compares the whole page with what the browser knows. Nearly all of it is the same object
as before, and has nothing in it that is marked as changed: here this is seen with fewer questions. Whatever
is not that simple is left to Flet's own functions, so patches are the same to the byte
(``tests/host/test_fast_diff.py``).

The shortcuts follow the text of Flet's functions, so they are taken only where it is that text: with another
release the diff works as Flet made it.
"""

# ruff: noqa: PLR0913, PLR0917, SLF001 - they stand for Flet's methods, and have their signatures
from __future__ import annotations

import dataclasses
import hashlib
import weakref
from dataclasses import is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from flet.controls import base_control, object_patch
from flet.controls.page import Page
from flet.utils import validation

if TYPE_CHECKING:
    from types import ModuleType

KNOWN_DIFFS = frozenset({"56851cdf8e30e1d2"})
"""Of ``flet/controls/object_patch.py``: Flet 1.0.1 to 1.0.5."""
KNOWN_CONTROLS = frozenset({"f5964945f1ade961", "f950ae8702e86f62"})
"""Of ``flet/controls/base_control.py``: Flet 1.0.0, and 1.0.1 to 1.0.5."""
KNOWN_VALIDATIONS = frozenset({"64e18800d7152194"})
"""Of ``flet/utils/validation.py``: Flet 1.0.0 to 1.0.5."""

_ATOMS = frozenset({type(None), bool, int, str, bytes})
"""Types of which every object equals itself: no float, since one of them does not."""
_SENT = frozenset({bool, int, float, str})
_HOOK = "_before_update_safe"

_Diff: Any = object_patch.DiffBuilder
_values: Any = _Diff._compare_values
_dataclasses: Any = _Diff._compare_dataclasses
_lists: Any = _Diff._compare_lists
_dicts: Any = _Diff._compare_dicts
_page: Any = vars(base_control.BaseControl)["page"]
_validate: Any = vars(base_control)["validate"]
_compiled: Any = vars(validation)["_compile_class_spec"]
_hints: Any = vars(validation)["_get_effective_type_hints"]
_allowed: Any = vars(validation)["_resolve_allow_none_for_field"]
_is_optional: Any = vars(validation)["_annotation_allows_none"]
_REPORTED: str = vars(validation)["_REPORTED_VALIDATION_ERRORS_KEY"]


def digest(module: ModuleType) -> str:
    """Return the beginning of the SHA-256 of a module's text; "" if there is none."""
    try:
        return hashlib.sha256(Path(module.__file__ or "").read_bytes()).hexdigest()[:16]
    except OSError:
        return ""


def install() -> None:
    """Put the shortcuts in front of Flet's functions, as far as these are known. Twice is harmless."""
    if digest(validation) in KNOWN_VALIDATIONS:
        vars(base_control)["validate"] = _validate_ruled
        vars(validation)["_compile_class_spec"] = _rules
        vars(validation)["_resolve_allow_none_for_field"] = _allows_none
    if digest(base_control) in KNOWN_CONTROLS:
        base_control.BaseControl.page = property(_page_of, doc=_page.__doc__)  # type: ignore[assignment,method-assign]
    if digest(object_patch) in KNOWN_DIFFS:
        _Diff._compare_values = _compare_values
        _Diff._compare_dataclasses = _compare_dataclasses
        _Diff._compare_lists = _compare_lists
        _Diff._compare_dicts = _compare_dicts
        vars(object_patch)["dataclasses"] = _Dataclasses


def uninstall() -> None:
    """Take them away again: for who compares."""
    vars(base_control)["validate"] = _validate
    vars(validation)["_compile_class_spec"] = _compiled
    vars(validation)["_resolve_allow_none_for_field"] = _allowed
    base_control.BaseControl.page = _page  # type: ignore[method-assign]
    _Diff._compare_values = _values
    _Diff._compare_dataclasses = _dataclasses
    _Diff._compare_lists = _lists
    _Diff._compare_dicts = _dicts
    vars(object_patch)["dataclasses"] = dataclasses


class _Field(NamedTuple):
    """What the diff asks of a field. A real one knows the functions that make its default.

    Those of a class that is made in main may know its session and the class itself, which would never end.
    """

    name: str
    metadata: Any


_known: WeakKeyDictionary[type, tuple[int, tuple[_Field, ...]]] = WeakKeyDictionary()


class _Dataclasses:
    """Stands for the module ``dataclasses`` in the diff."""

    is_dataclass = staticmethod(dataclasses.is_dataclass)

    @staticmethod
    def fields(of: Any) -> tuple[_Field, ...]:
        """Return what the diff needs of ``dataclasses.fields``, remembered by class until it gets others."""
        cls: Any = of if isinstance(of, type) else type(of)
        found = _known.get(cls)
        made = id(cls.__dataclass_fields__)
        if found is None or found[0] != made:  # weakly: a class made in main is another one in each session
            fields = tuple(_Field(each.name, each.metadata) for each in dataclasses.fields(of))
            found = _known[cls] = made, fields
        return found[1]


def _is_dataclass(value: object) -> bool:
    """Tell whether Flet compares ``value`` by its fields: no classes, no dicts, no lists."""
    return hasattr(type(value), "__dataclass_fields__") and not isinstance(value, (dict, list))


def _page_of(self: Any) -> Any:
    """Return the page of a control, without importing its class each time."""
    parent = self
    while parent:
        if isinstance(parent, Page):
            return parent
        parent = parent.parent
    return _page.__get__(self)  # it says what is wrong


_specs: dict[int, tuple[weakref.ref[type], Any]] = {}
_unruled: set[int] = set()
"""Identities of classes that have no rules."""
_optional: dict[int, frozenset[str]] = {}
"""By the identity of a class: its fields that may be None."""


def _rules(cls: type) -> Any:
    """Return the rules of a class, as Flet does; but Flet remembers each class for good.

    A class made in main is another one in each session and at each wake, and its functions know the page.
    """
    key = id(cls)
    found = _specs.get(key)
    if found is None:
        spec = _compiled.__wrapped__(cls)
        found = _specs[key] = weakref.ref(cls, lambda _: _forget(key)), spec
        if not spec.field_rules and not spec.class_rules:
            _unruled.add(key)
    return found[1]


def _forget(key: int) -> None:
    """A class is gone, and its identity free for another."""
    _specs.pop(key, None)
    _optional.pop(key, None)
    _unruled.discard(key)


def _allows_none(model_cls: type, field_name: str) -> bool:
    """Tell whether a field may be None, as Flet does; but Flet remembers each class for good."""
    found = _optional.get(id(model_cls))
    if found is None:
        _rules(model_cls)  # from now on its end is noticed
        hints = _hints.__wrapped__(model_cls).items()
        found = _optional[id(model_cls)] = frozenset(name for name, hint in hints if _is_optional(hint))
    return field_name in found


def _validate_ruled(instance: Any, *, suppress_repeated_errors: bool = False) -> None:
    """Check a control, unless its class has no rules and none was broken before."""
    if id(instance.__class__) not in _unruled or getattr(instance, _REPORTED, None):
        _validate(instance, suppress_repeated_errors=suppress_repeated_errors)


def _compare_values(
    self: Any, parent: Any, path: list[Any], key: Any, src: Any, dst: Any, frozen: bool
) -> None:
    """Compare two values; the same object, or two that are empty, at once."""
    if src is dst:
        cls = type(src)
        if cls in _ATOMS:
            return
        if not issubclass(cls, (dict, list)) and hasattr(cls, "__dataclass_fields__"):
            if not frozen and not hasattr(src, "_frozen"):
                here = path if key is None else [*path, key]
                self._compare_dataclasses(parent, here, src, dst, False)
            return  # one that is frozen is what it was
    elif type(src) is type(dst) and type(src) in {dict, list} and not src and not dst:
        return
    _values(self, parent, path, key, src, dst, frozen)


def _compare_lists(self: Any, parent: Any, path: list[Any], src: Any, dst: Any, frozen: bool) -> None:
    """Compare two lists; those of the same objects in the same order item by item."""
    same = not frozen and len(src) == len(dst)
    if not same or not all(old is new and _is_dataclass(new) for old, new in zip(src, dst, strict=True)):
        _lists(self, parent, path, src, dst, frozen)
        return
    for index, (old, new) in enumerate(zip(src, dst)):  # noqa: B905  a hook of the app may change the list
        if old is new:
            self._compare_dataclasses(parent, [*path, index], old, new, False)
        else:
            _compare_moved(self, parent, path, index, old, new)


def _compare_moved(self: Any, parent: Any, path: list[Any], index: int, old: Any, new: Any) -> None:
    """Compare what a hook of the app has just put in a list's place with what was there."""
    if not is_dataclass(new):
        if type(old) is not type(new) or old != new:
            self._item_replaced(path, index, new)
        return
    same = type(old) is type(new)
    if same and getattr(old, "_c", None) == "C" and getattr(new, "_c", None) == "C":
        same = getattr(old, "fn", None) is getattr(new, "fn", None)
    if same:
        key = object_patch.get_control_key(old)
        rebuilt = key is not None and key == object_patch.get_control_key(new)
        self._compare_dataclasses(parent, [*path, index], old, new, rebuilt)
    else:
        self._item_removed(path, index, old, frozen=False)
        self._item_added(parent, path, index, new, frozen=False)


def _compare_dicts(self: Any, parent: Any, path: list[Any], src: Any, dst: Any, frozen: bool) -> None:
    """Compare two dicts; if only one of their values needs a look, that one."""
    if src.keys() == dst.keys():
        # The keys are the new dict's, as in Flet: 1, 1.0 and True are one key, but three to the browser.
        left = [key for key, new in dst.items() if src[key] is not new or type(new) not in _ATOMS]
        if len(left) <= 1:
            for key in left:
                self._compare_values(parent, path, key, src[key], dst[key], frozen)
            return
    _dicts(self, parent, path, src, dst, frozen)


def _compare_dataclasses(self: Any, parent: Any, path: list[Any], src: Any, dst: Any, frozen: bool) -> None:
    """Compare a dataclass with what it was: the fields that were set, then what fields hold."""
    state = getattr(dst, "__dict__", None)
    if frozen or state is None or "__prev_lists" not in state or not _is_simple(dst, state):
        _dataclasses(self, parent, path, src, dst, frozen)
        return
    controls = self.control_cls
    if (
        controls
        and isinstance(parent, controls)
        and parent.is_isolated()
        and parent is not self.dst_doc
        and parent != self.dst_doc
    ):
        return
    if controls and isinstance(dst, controls):
        dst._before_update_safe()
        if not _is_simple(dst, state):
            _without_hook(self, parent, path, src, dst, state)
            return
    dirty = state.get("_dirty")
    if dirty:
        values, defaults = state["_values"], type(dst)._prop_defaults
        for name in dirty:
            self._item_replaced(path, name, values.get(name, defaults[name]))
        dirty.clear()
    _compare_held(self, path, dst, state)


def _is_simple(dst: Any, state: dict[str, Any]) -> bool:
    """Tell whether all fields that were set hold something that is sent as it is, and held no more before."""
    dirty = state.get("_dirty")
    if not dirty:
        return not state.get("__changes")
    cls = type(dst)
    values, defaults = state.get("_values"), getattr(cls, "_prop_defaults", None)
    if values is None or defaults is None or state.get("__changes"):
        return False
    lists, dicts, classes = state["__prev_lists"], state["__prev_dicts"], state["__prev_classes"]
    for name in dirty:
        if (
            type(values.get(name)) not in _SENT
            or name not in defaults
            or name.startswith("on_")
            or (name in lists or name in dicts or name in classes)
            or cls.__dataclass_fields__[name].metadata.get("skip", False)
        ):
            return False
    return True


def _without_hook(self: Any, parent: Any, path: list[Any], src: Any, dst: Any, state: dict[str, Any]) -> None:
    """Let Flet compare a control whose ``before_update`` has just been called."""
    state[_HOOK] = _nothing
    try:
        _dataclasses(self, parent, path, src, dst, False)
    finally:
        state.pop(_HOOK, None)  # another session that shows the same control may have been here


def _nothing() -> None:
    """Do not call it again."""


def _compare_held(self: Any, path: list[Any], dst: Any, state: dict[str, Any]) -> None:
    """Compare what the fields of a dataclass hold with what they held."""
    seen: set[str] = set()
    lists, dicts, classes = state["__prev_lists"], state["__prev_dicts"], state["__prev_classes"]
    for name, old in list(lists.items()) if lists else ():
        seen.add(name)
        new = getattr(dst, name)
        if not isinstance(new, list):
            del lists[name]
            self._compare_values(dst, path, name, old, new, False)
        elif old or new:
            self._compare_values(dst, path, name, old, new, False)
            self._update_list_snapshot(lists, name, new)
    for name, old in list(dicts.items()) if dicts else ():
        seen.add(name)
        new = getattr(dst, name)
        if not isinstance(new, dict):
            del dicts[name]
            self._compare_values(dst, path, name, old, new, False)
        elif old or new:
            self._compare_values(dst, path, name, old, new, False)
            self._update_dict_snapshot(dicts, name, new)
    if classes:
        _compare_classes(self, path, dst, classes, seen)
    for name in getattr(type(dst), "_structural_fields", ()):
        if name not in seen and type(new := getattr(dst, name)) not in _ATOMS:
            _compare_restored(self, path, dst, state, name, new)


def _compare_classes(self: Any, path: list[Any], dst: Any, classes: dict[str, Any], seen: set[str]) -> None:
    """Compare the dataclasses that fields hold with those that they held."""
    for name, old in list(classes.items()):
        seen.add(name)
        new = getattr(dst, name)
        if is_dataclass(new):
            classes[name] = new
        else:
            del classes[name]
        self._compare_values(dst, path, name, old, new, False)


def _compare_restored(
    self: Any, path: list[Any], dst: Any, state: dict[str, Any], name: str, new: Any
) -> None:
    """Compare a field that held nothing to compare when the browser last heard of it."""
    lists, dicts, classes = state["__prev_lists"], state["__prev_dicts"], state["__prev_classes"]
    if name in lists or name in dicts or name in classes:
        return
    if isinstance(new, list) and len(new) > 0:
        self._compare_values(dst, path, name, None, new, False)
        self._update_list_snapshot(lists, name, new)
    elif isinstance(new, dict) and len(new) > 0:
        self._compare_values(dst, path, name, None, new, False)
        self._update_dict_snapshot(dicts, name, new)
    elif is_dataclass(new):
        self._compare_values(dst, path, name, None, new, False)
        classes[name] = new
