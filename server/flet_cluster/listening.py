"""The address an app listens on: a port or a unix domain socket (layer 5: binds, serves nothing).

It is only *bound* ahead of time: connections are refused until a node is ready.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import stat
from typing import TYPE_CHECKING

from flet_cluster.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from flet_cluster.settings import Settings

_FOR_ALL_USERS = 0o666
"""Like a port of this machine; the folder's permissions keep others out."""
_PROBE_SECONDS = 1.0


def bind(settings: Settings) -> socket.socket:
    """Bind the app's address without listening: it refuses connections until a node is ready.

    Raises:
        SettingsError: the address is in use, not this machine's, or not allowed.
    """
    sock = _bound_to_file(settings.uds_path) if settings.uds_path else _bound_to_port(settings)
    sock.setblocking(False)
    return sock


def close(sock: socket.socket, settings: Settings) -> None:
    """Close what :func:`bind` returned, and remove the file of a unix domain socket."""
    sock.close()
    if settings.uds_path is not None:
        with contextlib.suppress(OSError):
            settings.uds_path.unlink()


def url_of(sock: socket.socket, settings: Settings) -> str:
    """Return the URL for a browser on this machine, or the path of the unix domain socket."""
    if settings.uds_path is not None:
        return str(settings.uds_path)
    host, port = sock.getsockname()[:2]
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  told apart, not bound
    scheme = "https" if settings.ssl_certfile else "http"
    return f"{scheme}://{host_and_port(here, port)}/" + (f"{settings.app_path}/" if settings.app_path else "")


def address_of(sock: socket.socket) -> str:
    """Return where a socket is bound, as operators read it: host and port, or the path of its file."""
    name = sock.getsockname()
    return name if isinstance(name, str) else host_and_port(*name[:2])


def host_and_port(host: str, port: int) -> str:
    """Write them as URLs have them: an IPv6 address is in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def address_error(settings: Settings, error: OSError) -> SettingsError:
    """Explain why an address cannot be had."""
    place = str(settings.uds_path or host_and_port(settings.host, settings.port))
    if error.errno == errno.EADDRINUSE:
        return SettingsError(
            f"Address {place} is in use by another process. Stop that one, or choose another port: "
            "--port or FLET_CLUSTER_PORT (0 takes any free one)."
        )
    return SettingsError(
        f"Cannot listen on {place}: {error}. Choose --host (FLET_SERVER_IP) and --port "
        "(FLET_SERVER_PORT) that this machine allows."
    )


def bound(host: str, port: int) -> socket.socket:
    """Bind a port without listening; an empty host, or ``*``, means all addresses of the machine.

    Raises:
        SettingsError: there is no such host.
        OSError: the port cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            "0.0.0.0" if host in {"", "*"} else host,  # noqa: S104  asked for
            port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SettingsError(f"Cannot use host {host!r}: {error}") from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


def _bound_to_port(settings: Settings) -> socket.socket:
    try:
        return bound(settings.host, settings.port)
    except OSError as error:
        raise address_error(settings, error) from error


def _bound_to_file(path: Path) -> socket.socket:
    family = getattr(socket, "AF_UNIX", None)
    if family is None:
        raise SettingsError(
            "This system has no unix domain sockets: leave --uds and FLET_SERVER_UDS_PATH out."
        )
    _remove_stale(path, family)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
        path.chmod(_FOR_ALL_USERS)
    except OSError as error:
        sock.close()
        raise SettingsError(
            f"Cannot listen on the unix domain socket {path}: {error}. Is its folder there and writable, and "
            "the path at most some 100 characters long? (--uds, FLET_SERVER_UDS_PATH)"
        ) from error
    return sock


def _remove_stale(path: Path, family: int) -> None:
    """Remove what a process left that did not end well; nothing else.

    Raises:
        SettingsError: somebody listens there, or it is no socket.
    """
    try:
        mode = path.lstat().st_mode
    except OSError:
        return
    if not stat.S_ISSOCK(mode):
        raise SettingsError(
            f"{path} is there and no socket: choose another path (--uds, FLET_SERVER_UDS_PATH)."
        )
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise SettingsError(f"Cannot tell whether {path} is in use: {error}") from error
    raise SettingsError(f"Another process listens on {path}. Stop it, or choose another path with --uds.")
