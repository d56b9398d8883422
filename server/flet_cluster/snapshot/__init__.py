"""The snapshot of a session (layer 1: standard library, cloudpickle, cryptography, zstandard, layer 0).

No Flet here: what is special about Flet's objects is registered by the host. No asyncio I/O either.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from flet_cluster.errors import ClusterError, GraphChanged, NotPortable, SnapshotError, SnapshotOutdated
from flet_cluster.snapshot import report, stream
from flet_cluster.snapshot.code_index import CodeIndex
from flet_cluster.snapshot.fingerprint import digest
from flet_cluster.snapshot.held import Held
from flet_cluster.snapshot.portables import Portables, current_root, set_current_root
from flet_cluster.snapshot.seal import KeyRing
from flet_cluster.snapshot.tokens import LATER

__all__ = [
    "LATER",
    "CodeIndex",
    "Held",
    "KeyRing",
    "Portables",
    "begin_sessions",
    "by_value",
    "capture",
    "current_root",
    "digest",
    "held",
    "name_of",
    "restore",
]

Roots = Iterable[tuple[str, object]]


def capture(
    root: object,
    code: CodeIndex,
    portables: Portables,
    externals: Mapping[str, object] | None = None,
    *,
    named_roots: Roots = (),
) -> bytes:
    """Return the snapshot of everything reachable from ``root``: one pickle, identities kept, no code in it.

    Args:
        root: where the graph begins.
        code: finds code by reference.
        portables: types that need help.
        externals: objects of this process that travel as a name and are supplied again on restore.
        named_roots: (name, object) pairs where the path of an error begins; default: ("page", root).

    Raises:
        NotPortable: something reachable cannot travel; its path says how one gets there.
        GraphChanged: another thread changed a container that was being written; that says nothing of what
            can travel.
    """
    codec = stream.codec_of(code, portables)
    given = externals or {}
    try:
        try:
            return stream.write(root, codec, given)
        except RecursionError:
            return stream.deeply(lambda: stream.write(root, codec, given))
    except (Exception, SystemExit) as error:  # noqa: BLE001  # reducers of any library run here
        failure: BaseException = error
    if report.changed_meanwhile(failure):
        raise GraphChanged(str(failure)) from failure
    raise _explain(root, codec, given, list(named_roots) or [("page", root)], failure) from failure


def begin_sessions(code: CodeIndex, portables: Portables) -> None:
    """Say, before the first session's code runs, that the app is loaded; later calls do nothing.

    What is bound to a name of the app's modules from then on is something that another process may not have:
    it is sent along with what refers to it.
    """
    if not code.births.begun:
        stream.codec_of(code, portables).table.names.begin()


def name_of(obj: object, code: CodeIndex, portables: Portables) -> str | None:
    """Return the name that an object has in the app's modules, under which it travels; None without one."""
    table = stream.codec_of(code, portables).table
    table.names.refresh()
    found = table.names.functions().get(id(obj))
    if found is not None or not table.nameable[type(obj)]:
        return found
    spaces = table.names.lasting()
    named = (prefix + key for prefix, space, keys in spaces for key in keys if space.get(key) is obj)
    return next(named, None)


def held(code: CodeIndex, portables: Portables) -> Held:
    """Return what the app's modules hold just now, directly or not."""
    return stream.codec_of(code, portables).search.run()


def by_value(
    root: object,
    code: CodeIndex,
    portables: Portables,
    externals: Mapping[str, object],
    among: Container[int],
) -> list[object]:
    """Return the objects with an identity in ``among`` that a snapshot of ``root`` would hold by value.

    Raises:
        SnapshotError: it cannot be said, since no snapshot can be taken just now; it is not said why.
    """
    try:
        return stream.by_value(root, stream.codec_of(code, portables), externals, among)
    except Exception as error:  # reducers of any library run here
        raise SnapshotError("no snapshot can be taken") from error


def _explain(
    root: object, codec: stream.Codec, externals: Mapping[str, object], roots: Roots, error: BaseException
) -> NotPortable:
    error.__traceback__ = (
        None  # its frames hold the session's objects, and services are counted by references
    )
    named = set(codec.seeds.of(externals)[2])
    set_current_root(root)
    try:
        return report.find(
            roots,
            lambda obj: codec.table[type(obj)](obj),
            lambda obj: id(obj) in named,
            error,
        )
    finally:
        set_current_root(None)


def restore(
    data: bytes, code: CodeIndex, portables: Portables, externals: Mapping[str, object] | None = None
) -> Any:
    """Rebuild the graph of a snapshot. Verify its seal first: this runs what the snapshot says (I5).

    Raises:
        SnapshotOutdated: it refers to code, a class or a name that is gone or has changed; names it.
        SnapshotError: it is damaged, or an external is missing.
    """
    codec = stream.codec_of(code, portables)
    try:
        return stream.read(data, code, codec, externals or {})
    except ClusterError:
        raise
    except (ImportError, AttributeError) as error:
        raise SnapshotOutdated(
            getattr(error, "name", None) or "?", f"it is not here any more: {error}"
        ) from error
    except (Exception, SystemExit) as error:  # __setstate__ and constructors of any library run here
        raise SnapshotError(f"the snapshot cannot be rebuilt: {error}") from error
