"""Rebuilds objects on trial, so that what cannot be rebuilt is known before it matters (layer 1).

That something can be taken apart does not say that it can be put together. So the first time that a capture
in this process meets objects of a class, one of them is written and rebuilt at once, with what it is made of:
the built-in containers and the other ordinary objects below it. All else stays the very object that it is and
is lent to the copy: functions, classes, what the host or an app has registered, what has a name, what is made
by code that may open something. Nothing of the session is touched, and the copy is dropped.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import NotPortable
from flet_cluster.snapshot.ordinary import has_default_reduction
from flet_cluster.snapshot.report import ADVICE

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from flet_cluster.snapshot.portables import Reducer

_PROTOCOL = 5
_PARTS = 5
_COPIED = frozenset(
    {type(None), bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset}
)
_SHOWN = 200


class _Inconclusive(Exception):
    """The trial would change an object that is there already, or cannot be made: nothing is known."""


class Trials:
    """What has been rebuilt on trial in this process, and what is to be.

    Args:
        table: reducers by type, where a class that has passed gets its ordinary one.

    Attributes:
        named: returns the identities of what travels as a name now.
    """

    def __init__(self, table: dict[type, Reducer]) -> None:
        self._table = table
        self.named: Callable[[], Container[int]] = tuple
        self._untried: dict[type, Reducer] = {}
        self._passed: set[tuple[str, str]] = set()
        self._postponed: set[type] = set()

    def begin(self) -> None:
        """A capture begins: what could not be tried in the last one may be in this."""
        self._postponed.clear()

    def reducer(self, cls: type, reduce: Reducer) -> Reducer:
        """Return a reducer for a class of ordinary objects: ``reduce``, if need be after a trial."""
        if (cls.__module__, cls.__qualname__) in self._passed or not _may_be_tried(cls):
            return reduce
        self._untried[cls] = reduce

        def reduce_first(obj: object) -> Any:
            """Reduce an object of a class that has not been rebuilt in this process."""
            reduced = reduce(obj)  # what raises here needs no trial
            if cls not in self._postponed:
                self._try(cls, obj)
            return reduced

        return reduce_first

    def forget(self, cls: type) -> None:
        """The table has forgotten a class."""
        self._untried.pop(cls, None)
        self._postponed.discard(cls)

    def _try(self, cls: type, obj: object) -> None:
        """Rebuild ``obj``.

        Raises:
            NotPortable: it cannot be rebuilt, and that is not for what it refers to.
        """
        named = self.named()
        met, error = _rebuilt(obj, _Untried(self._table, self._untried), named)
        if error is None:
            self._pass(met)
            if not met:
                self._postponed.add(cls)
            return
        for other, one in met.items():  # who is it? The pickler will come to each of them
            if other is not cls and _rebuilt(one, {other: self._untried[other]}, named)[1] is not None:
                return
        raise NotPortable("", f"it can be taken apart, but not be rebuilt ({error}); {ADVICE}")

    def _pass(self, classes: Mapping[type, object]) -> None:
        for cls in classes:
            self._passed.add((cls.__module__, cls.__qualname__))
            self._table[cls] = self._untried.pop(cls)


class _Untried(dict["type", "Reducer"]):
    """All untried classes, those included that nobody has met yet."""

    def __init__(self, table: dict[type, Reducer], untried: dict[type, Reducer]) -> None:
        super().__init__(untried)
        self._table = table
        self._untried = untried

    def __contains__(self, cls: object) -> bool:
        """Tell whether a class is untried, choosing its reducer if nobody has."""
        if isinstance(cls, type) and cls not in self._table:
            _ = self._table[cls]
            if cls in self._untried:
                self[cls] = self._untried[cls]
        return super().__contains__(cls)


def _may_be_tried(cls: type) -> bool:
    """Tell whether making one more of a class does nothing but that, as far as its definition shows."""
    if (
        not has_default_reduction(cls)
        or cls in copyreg.dispatch_table
        or isinstance(cls.__new__, FunctionType)
    ):
        return False
    return not any("__del__" in vars(base) for base in cls.__mro__)


def _rebuilt(
    obj: object, tried: Mapping[type, Reducer], named: Container[int]
) -> tuple[dict[type, object], str | None]:
    """Write and rebuild ``obj``; objects of other classes than ``tried`` are lent to the copy.

    Returns:
        (one object for each class that needs no trial any more, what went wrong; None: nothing that shows).
    """
    stream = io.BytesIO()
    pickler = _Pickler(stream, tried, named)
    try:
        pickler.dump(obj)
    except RecursionError:  # a long chain of objects: it travels by a way of its own
        return {type(obj): obj}, None
    except (Exception, SystemExit):  # noqa: BLE001  # the capture that asks comes to the same objects, and says it better
        return {}, None
    finally:
        pickler.clear_memo()
    stream.seek(0)
    try:
        _Unpickler(stream, pickler.lent).load()
    except _Inconclusive:
        return {type(obj): obj}, None
    except (Exception, SystemExit) as error:  # noqa: BLE001  # __setstate__ of anything runs here
        error.__traceback__ = None  # its frames hold objects of the session
        return pickler.met, f"{type(error).__name__}: {error}"[:_SHOWN]
    return pickler.met, None


class _Pickler(pickle.Pickler):
    """Writes what is tried and built-in containers; lends the rest."""

    def __init__(self, stream: io.BytesIO, tried: Mapping[type, Reducer], named: Container[int]) -> None:
        super().__init__(stream, _PROTOCOL)
        self._tried = tried
        self._named = named
        self.lent: list[object] = []
        self.met: dict[type, object] = {}

    def persistent_id(self, obj: Any) -> int | None:
        """Return the place of an object that is lent; None for one to be written."""
        cls = type(obj)
        if (cls in _COPIED or cls in self._tried) and id(obj) not in self._named:
            return None
        self.lent.append(obj)
        return len(self.lent) - 1

    def reducer_override(self, obj: Any) -> Any:
        """Reduce an object of a class that is tried."""
        cls = type(obj)
        reduce = self._tried.get(cls)
        if reduce is None:
            return NotImplemented
        self.met.setdefault(cls, obj)
        reduced = reduce(obj)
        if reduced is NotImplemented:
            reduced = obj.__reduce_ex__(_PROTOCOL)
        if isinstance(reduced, str):
            raise _Inconclusive
        function, arguments, *rest = reduced
        return _make, (function, arguments, any(part is not None for part in rest)), *rest


class _Unpickler(pickle.Unpickler):
    """Gives what was lent."""

    def __init__(self, stream: io.BytesIO, lent: list[object]) -> None:
        super().__init__(stream)
        self._lent = lent

    def persistent_load(self, place: Any) -> Any:
        """Return what was lent."""
        return self._lent[place]


def _make(function: Callable[..., Any], arguments: tuple[Any, ...], filled: bool) -> Any:
    """Call ``function``, provided that it makes something new if that is to be filled.

    Raises:
        _Inconclusive: it has returned an object that somebody else has already.
    """
    made = function(*arguments)
    if filled and sys.getrefcount(made) > _NEW:
        raise _Inconclusive
    return made


def _references_of_a_new_object() -> int:
    made = object()
    return sys.getrefcount(made)


_NEW = _references_of_a_new_object()
