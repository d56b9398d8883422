"""httpx clients travel as their configuration (layer 1: standard library and siblings only).

That is all that is set on a client (headers, cookies, base URL, auth, timeouts, hooks) and what can be read
of its transport. Connections are made anew. (``requests.Session`` pickles itself in the same way.)
"""

from __future__ import annotations

import functools
import ssl
import sys
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import NotPortable

if TYPE_CHECKING:
    from flet_cluster.snapshot.portables import Reducer

_REMADE = ("_transport", "_mounts", "_state")
_PROXIES = "its proxies cannot be read from it; make the client with flet_cluster.resource(lambda: …)"
_CERTIFICATES = (
    "its certificates cannot be read from it; make the client with flet_cluster.resource(lambda: …)"
)


def _reduce_client(client: Any) -> Any:
    base = sys.modules["httpx"].Client
    return _reduce(client, base, base if isinstance(client, base) else sys.modules["httpx"].AsyncClient)


def _reduce(client: Any, sync: type, base: type) -> Any:
    if client._mounts and not _from_environment(client):  # noqa: SLF001 - nothing public tells
        raise NotPortable("", _PROXIES)
    kind = "HTTPTransport" if base is sync else "AsyncHTTPTransport"
    transport = client._transport  # noqa: SLF001 - as above
    options = (
        _options(client, transport)
        if type(transport) is getattr(sys.modules["httpx"], kind)
        else {"transport": transport}
    )
    options["trust_env"] = client.trust_env
    state = {name: value for name, value in vars(client).items() if name not in _REMADE}
    if client.is_closed:
        state["_state"] = client._state  # noqa: SLF001 - as above
    return _client, (type(client), base, kind, options), state


def _from_environment(client: Any) -> bool:
    """Whether the proxies are those of the environment: the next node has its own."""
    known = sys.modules["httpx"]._utils.get_environment_proxies()  # noqa: SLF001 - what clients ask themselves
    mounts = {mount.pattern for mount in client._mounts}  # noqa: SLF001 - nothing public tells
    return bool(client.trust_env and mounts == set(known))


def _options(client: Any, transport: Any) -> dict[str, Any]:
    """Read a transport's options back."""
    pool = transport._pool  # noqa: SLF001 - nothing public tells
    httpx = sys.modules["httpx"]
    unlimited = sys.maxsize
    limits = [
        None if value is None or value >= unlimited else value
        for value in (pool._max_connections, pool._max_keepalive_connections)  # noqa: SLF001
    ]
    options = {
        "verify": _verify(pool._ssl_context, client.trust_env),  # noqa: SLF001
        "http1": pool._http1,  # noqa: SLF001
        "http2": pool._http2,  # noqa: SLF001
        "limits": httpx.Limits(
            max_connections=limits[0],
            max_keepalive_connections=limits[1],
            keepalive_expiry=pool._keepalive_expiry,  # noqa: SLF001
        ),
    }
    more = {
        "retries": pool._retries,  # noqa: SLF001
        "local_address": pool._local_address,  # noqa: SLF001
        "uds": pool._uds,  # noqa: SLF001
        "socket_options": pool._socket_options,  # noqa: SLF001
    }
    return options | {name: value for name, value in more.items() if value}


def _verify(context: ssl.SSLContext, trust_env: bool) -> bool:
    if context.verify_mode is ssl.CERT_NONE:
        return False
    if context.cert_store_stats() != _usual_certificates(trust_env):
        raise NotPortable("", _CERTIFICATES)
    return True


@functools.cache
def _usual_certificates(trust_env: bool) -> dict[str, int]:
    """Return what a client that was given no certificates has loaded."""
    context: ssl.SSLContext = sys.modules["httpx"].create_ssl_context(trust_env=trust_env)
    return context.cert_store_stats()


def _client(cls: Any, base: Any, kind: str, options: dict[str, Any]) -> Any:
    """Make a client with these options; what was set on it comes as its state."""
    client = cls.__new__(cls)
    if options.keys() & {"retries", "local_address", "uds", "socket_options"}:
        options = {"transport": getattr(sys.modules["httpx"], kind)(**options)}
    base.__init__(client, **options)
    return client


TYPES: dict[str, Reducer] = {"httpx.Client": _reduce_client, "httpx.AsyncClient": _reduce_client}
"""Reducers by the name of a type."""
