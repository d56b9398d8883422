"""How a Flet session travels (layer 3: imports Flet, the snapshot package and layer 0; no stores, no http).

The whole session is one pickle: the ``Session``, its page, and what the host keeps about it (``extra``).
What belongs to the process is left out or supplied anew: the connection, its loop and executor, the pub/sub
hub, tasks, pending client calls, held locks of Flet's own.
"""

from __future__ import annotations

import itertools
import operator
import sys
import threading
from collections import deque
from dataclasses import dataclass, is_dataclass
from typing import TYPE_CHECKING, Any

from flet.components import router
from flet.components.hooks.use_effect import EffectHook
from flet.components.observable import ObservableDict, ObservableList, ObservableSubscription
from flet.controls import client_action
from flet.controls.base_control import BaseControl
from flet.controls.core.raw_image import RawImage
from flet.controls.icon_data import IconData
from flet.controls.id_counter import ControlId
from flet.controls.object_patch import _control_setattr
from flet.controls.page import Page, ServiceRegistry
from flet.controls.value_types import Prop, _install_props
from flet.data_channel import _ProtocolMuxedDataChannel
from flet.messaging.connection import Connection
from flet.messaging.session import Session
from flet.pubsub.pubsub_client import PubSubClient

from flet_cluster.errors import NotPortable, SnapshotError
from flet_cluster.host import internals
from flet_cluster.snapshot import LATER, CodeIndex, Portables, capture, current_root, registered, restore

if TYPE_CHECKING:
    from collections.abc import Mapping

_DUE = "_flet_cluster_updates_due"
"""Set on a restored session whose updates scheduler was running."""

_NEVER_ON_A_PAGE = frozenset(
    f"flet_cluster.host.{name}" for name in ("portable", "picture", "pubsub", "connection")
)
"""Modules whose dataclasses are the host's own: no app gets hold of one."""

_CLASS_TABLES = frozenset(
    {
        "_prop_defaults",
        "_root_defaults",
        "_override_props",
        "_structural_fields",
        "_event_fields",
        "__control_meta__",
    }
)
"""Class attributes that ``@control`` and ``@value`` compute: nothing of a session refers to them."""


@dataclass
class SessionImage:
    """The root of a session's snapshot.

    Attributes:
        session: the Flet session.
        extra: the host's own data; may refer to anything in the session.
        control_id: no control of the session has an id as high as this.
        updates_running: whether the updates scheduler was running.
        shared_services: services that client actions of the page share; Flet keeps them outside of the page.
    """

    session: Session
    extra: Any
    control_id: int
    updates_running: bool
    shared_services: dict[type, Any] | None


def flet_portables() -> Portables:
    """Return the registry for Flet's objects. Add the app's own types to it before the first capture."""
    portables = Portables()
    portables.own(BaseControl, Session, Connection, PubSubClient, Prop)
    portables.unnamed |= _CLASS_TABLES
    portables.proven |= {"flet", "flet_cluster"}
    portables.register(Session, _reduce_session, subclasses=True)
    portables.register(_ProtocolMuxedDataChannel, _reduce_channel)
    portables.register(Page, _reduce_page)
    portables.register(ServiceRegistry, _reduce_registry)
    portables.register(EffectHook, _reduce_effect)
    portables.register(ObservableList, _reduce_list, subclasses=True)
    portables.register(ObservableDict, _reduce_dict, subclasses=True)
    portables.register(ObservableSubscription, _reduce_subscription)
    portables.finish(ObservableSubscription, _subscribe_again)
    portables.complete_class(object, _order_fields)
    portables.register(IconData, _reduce_icon, subclasses=True)
    portables.register(RawImage, _reduce_image, subclasses=True)
    portables.register(object, _reduce_sentinel)
    portables.prepare_class(BaseControl, _install_hash)
    portables.mark_class("tracked", _is_tracked, _track, _is_never_tracked)
    registered.attach(portables)
    return portables


def image_of(session: Session, extra: object) -> SessionImage:
    """Return what is pickled of ``session`` and of ``extra``, the host's own data about it."""
    return SessionImage(
        session=session,
        extra=extra,
        control_id=next_control_id(),
        updates_running=_updates_running(session),
        shared_services=client_action._shared_services.get(session.page),  # noqa: SLF001  # see internals
    )


def capture_session(
    session: Session, extra: object, code: CodeIndex, portables: Portables, externals: Mapping[str, object]
) -> bytes:
    """Return the snapshot of ``session`` and of ``extra``, in one pickle.

    Args:
        session: must be at rest: no other thread changes it meanwhile.
        extra: the host's own data about the session.
        code: the app's code.
        portables: from :func:`flet_portables`.
        externals: what belongs to the process, by name. Customary: ``connection``, ``pubsub`` (the hub),
            ``loop`` and ``executor``.

    Raises:
        NotPortable: something in the session cannot travel; the path begins at the page.
    """
    roots = [("page", session.page), ("session", session)]
    roots += [("main", main)] if (main := getattr(extra, "main", None)) is not None else []
    roots.append(("extra", extra))
    return capture(image_of(session, extra), code, portables, externals, named_roots=roots)


def restore_session(
    data: bytes, code: CodeIndex, portables: Portables, externals: Mapping[str, object]
) -> tuple[Session, Any]:
    """Rebuild a session from a verified snapshot.

    No task is started. If the session's updates scheduler was running, :func:`updates_due` says so until
    :func:`resume_updates` starts it. Control ids given out from now on are higher than all of the session's.

    Raises:
        SnapshotOutdated: the app's code or a name it refers to has changed; names it.
        SnapshotError: the snapshot is damaged, or an external is missing.
    """
    image = restore(data, code, portables, externals)
    if not isinstance(image, SessionImage):
        raise SnapshotError("the snapshot is not one of a session")
    raise_control_id(image.control_id)
    if image.shared_services is not None:
        client_action._shared_services[image.session.page] = image.shared_services  # noqa: SLF001  # see internals
    if image.updates_running:
        setattr(image.session, _DUE, True)
    return image.session, image.extra


def updates_due(session: Session) -> bool:
    """Tell whether the updates scheduler ran when the session was captured, and not yet again."""
    return getattr(session, _DUE, False)


def resume_updates(session: Session) -> None:
    """Start the updates scheduler of a restored session if it was running. Call on the session's loop."""
    if updates_due(session):
        delattr(session, _DUE)
        session.start_updates_scheduler()  # type: ignore[no-untyped-call]


def next_control_id() -> int:
    """Return the id that the next new control of this process will get."""
    counter = ControlId._counter  # noqa: SLF001  # see internals
    return int(repr(counter)[len("count(") : -1])  # the only look at it that does not advance it


def raise_control_id(minimum: int) -> None:
    """Make sure that new controls get ids of at least ``minimum``; never lowers the counter."""
    with ControlId._lock:  # noqa: SLF001  # see internals
        if next_control_id() < minimum:
            ControlId._counter = itertools.count(minimum)  # noqa: SLF001  # see internals


def _updates_running(session: Session) -> bool:
    task = getattr(session, internals.SESSION_UPDATES_TASK)
    return updates_due(session) or (task is not None and not task.done())


def _root_of(obj: object) -> SessionImage:
    root = current_root()
    if not isinstance(root, SessionImage):
        raise NotPortable("", f"a {type(obj).__name__} travels with its session only")
    return root


def _bare(cls: Any) -> Any:
    return cls.__new__(cls)


def _reduce_session(session: Session) -> Any:
    if _root_of(session).session is not session:
        raise NotPortable(
            "", "it is another user's session; keep sessions apart, or share plain data by pub/sub"
        )
    kept: Any = session.__getstate__()  # a subclass may leave its runtime half behind
    state: dict[str, Any] = dict(kept)
    state.pop(_DUE, None)
    state[internals.SESSION_UPDATES_TASK] = None
    state[internals.SESSION_METHOD_CALLS] = {}
    state[internals.SESSION_METHOD_RESULTS] = {}
    # Last: whatever else of the session refers to a control comes first, the index only refers to it again.
    state[internals.SESSION_INDEX] = state.pop(internals.SESSION_INDEX)
    return _bare, (type(session),), state


def _reduce_page(page: Page) -> Any:
    if _root_of(page).session.page is not page:
        raise NotPortable(
            "", "it is another user's page; keep sessions apart, or share plain data by pub/sub"
        )
    return _bare, (Page,), vars(page)


def _reduce_registry(registry: ServiceRegistry) -> Any:
    # Flet holds the lock while it sends an update, and that is a moment for a snapshot.
    return _bare, (ServiceRegistry,), {**vars(registry), internals.REGISTRY_LOCK: threading.Lock()}


def _reduce_effect(hook: EffectHook) -> Any:
    return _bare, (EffectHook,), {**vars(hook), **dict.fromkeys(internals.EFFECT_TASKS)}


def _reduce_image(image: RawImage) -> Any:
    return _bare, (type(image),), {**vars(image), internals.IMAGE_ACKS: deque()}


def _reduce_channel(channel: Any) -> Any:
    state = dict(vars(channel))
    if state["_closed"]:
        return _bare, (_ProtocolMuxedDataChannel,), state
    return _open_channel, (state.pop("_conn"), state.pop("_id")), state


def _open_channel(connection: Connection, channel_id: int) -> Any:
    """Return the channel by way of the connection, which from then on delivers to it."""
    return connection.data_channel_for(channel_id)


def _reduce_sentinel(obj: object) -> Any:
    """Components keep what a context provides under its key, a bare object; Flet's router has several."""
    name = _SENTINELS.get(id(obj))
    return NotImplemented if name is None else (sentinel, (name,))


def sentinel(name: str) -> Any:
    """Return an object of Flet's router by its name."""
    return operator.attrgetter(name)(router)


_SENTINELS = {
    id(value): name
    for key in vars(router)
    for name, value in ((key, vars(router)[key]), (f"{key}._key", getattr(vars(router)[key], "_key", None)))
    if type(value) is object
}
"""Names of the router's context keys and of its mark for "not inside a router", by identity."""


def _reduce_list(items: ObservableList) -> Any:
    state = (items._owner_ref, items._field, list(items))  # noqa: SLF001  # see internals
    return _bare, (type(items),), state, None, None, _fill_list


def _fill_list(items: ObservableList, state: tuple[Any, str, list[Any]]) -> None:
    items._owner_ref, items._field = state[:2]  # noqa: SLF001  # see internals
    list.extend(items, state[2])


def _reduce_dict(items: ObservableDict) -> Any:
    state = (items._owner_ref, items._field, dict(items))  # noqa: SLF001  # see internals
    return _bare, (type(items),), state, None, None, _fill_dict


def _fill_dict(items: ObservableDict, state: tuple[Any, str, dict[Any, Any]]) -> None:
    items._owner_ref, items._field = state[:2]  # noqa: SLF001  # see internals
    dict.update(items, state[2])


def _reduce_subscription(subscription: ObservableSubscription) -> Any:
    return _bare, (ObservableSubscription,), dict(vars(subscription)), None, None, LATER


def _subscribe_again(subscription: ObservableSubscription, state: dict[str, Any]) -> None:
    """Subscribe to an observable that did not travel: a module's, which has not heard of this session yet."""
    vars(subscription).update(state)
    dispose = state[internals.SUBSCRIPTION_DISPOSER]
    if dispose is not None:
        cells = dict(zip(dispose.__code__.co_freevars, dispose.__closure__, strict=True))
        cells["self"].cell_contents.subscribe(cells["fn"].cell_contents)


def _reduce_icon(icon: IconData) -> Any:
    return load_icon, (type(icon), icon._name_, icon._value_)


def load_icon(cls: Any, name: str, value: int) -> IconData:
    """Return the member of a lazily filled icon set by way of its proxy: the very object that apps get."""
    found: IconData
    if name in cls._member_map_ or name.startswith("_ICON_"):
        found = cls(value)
        return found
    proxy: Any = getattr(sys.modules[cls.__module__], cls.__qualname__)
    found = getattr(proxy, name)
    return found


def _install_hash(cls: Any) -> None:
    """Do what the first instance of a control class does to it (``BaseControl.__post_init__``)."""
    if cls.__hash__ is not BaseControl.__hash__:
        cls.__hash__ = BaseControl.__hash__


def _order_fields(cls: Any) -> None:
    """Compute the field tables of a control class anew: they are sets, and patches come in their order."""
    if "_structural_fields" in vars(cls):
        _install_props(cls)


def _is_tracked(cls: Any) -> bool:
    return bool(cls.__setattr__ is _control_setattr)


def _is_never_tracked(cls: type) -> bool:
    """Tell whether Flet's diff leaves the class alone: it tracks plain dataclasses, which have no Props."""
    return not is_dataclass(cls) or hasattr(cls, "_prop_defaults") or cls.__module__ in _NEVER_ON_A_PAGE


def _track(cls: Any) -> None:
    """Do what Flet's diff does to a plain dataclass on a page: record changes of its fields."""
    cls.__setattr__ = _control_setattr
    setattr(cls, internals.CONTROL_CLASS_MARK, BaseControl)
