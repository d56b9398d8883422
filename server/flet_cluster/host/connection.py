"""The connection a hosted session sees (layer 3: may import Flet).

Flet's ``Connection`` is a socket. Ours is not: it turns messages into packets and hands them to the session's
host, which releases them when the state that caused them is committed (I1). So it outlives sockets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from flet.data_channel import _ProtocolMuxedDataChannel
from flet.messaging.connection import Connection

from flet_cluster.host import wire

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from flet.messaging.protocol import Message


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """What is known of a client from its handshake.

    Attributes:
        url: the page's address without the endpoint's name.
        name: path of the app below the domain, no slashes at the ends.
        ip: the client's address.
        user_agent: the browser's name of itself.
    """

    url: str = ""
    name: str = ""
    ip: str = ""
    user_agent: str = ""


class Outlet(Protocol):
    """Where a connection's output goes; methods are callable from any thread."""

    def emit(self, packet: bytes) -> None:
        """Queue a packet for the next commit."""

    def datagram(self, packet: bytes) -> None:
        """Send raw channel bytes at once."""


class Services(Protocol):
    """What a page asks of its host; methods are callable from any thread."""

    def upload_url(self, name: str, seconds: float) -> str:
        """Return a URL for an upload. Raises UploadsDisabled, BadBlobName."""

    def signing_in(self, state: str, page_html: str, page_url: str) -> None:
        """Let a sign-in begin with the next commit; see :meth:`HostConnection.oauth_authorize`."""


class HostConnection(Connection):
    """Turns what the session sends into packets for its outlet."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        executor: ThreadPoolExecutor,
        pubsub: Any,
        outlet: Outlet,
        services: Services,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Flet leaves it untyped
        self.loop = loop
        self.executor = executor
        self.pubsubhub = pubsub
        self._outlet = outlet
        self._services = services
        self._channels: dict[int, Any] = {}

    def describe(self, client: ClientInfo) -> None:
        """Take over what a new socket's handshake said of the client."""
        self.page_url = client.url
        self.page_name = client.name

    def send_message(self, message: Message) -> None:
        """Encode now (the state may change before the packet leaves) and queue for the next commit."""
        self._outlet.emit(wire.encode(message))

    def send_data_channel_frame(self, channel_id: int, payload: bytes) -> None:
        """Send raw bytes at once: they are not state."""
        self._outlet.datagram(wire.channel_packet(channel_id, payload))

    def data_channel_for(self, channel_id: int) -> Any:
        """Return the channel of that id; the same object each time."""
        if channel_id not in self._channels:
            self._channels[channel_id] = _ProtocolMuxedDataChannel(channel_id, self)
        return self._channels[channel_id]

    def unregister_data_channel(self, channel_id: int) -> None:
        """Forget a channel."""
        self._channels.pop(channel_id, None)

    def deliver_datagram(self, packet: bytes) -> None:
        """Give bytes from the browser to their channel; unknown channels lose them, as in Flet."""
        channel_id, payload = wire.split_channel(packet)
        channel = self._channels.get(channel_id)
        if channel is not None:
            channel._deliver(payload)  # noqa: SLF001 - Flet's own delivery hook, listed in internals

    def get_upload_url(self, file_name: str, expires: int) -> str:
        """Answer ``page.get_upload_url``.

        Args:
            file_name: path below the folder of uploads.
            expires: how long the URL is good, seconds.

        Raises:
            UploadsDisabled: the app has nowhere to put uploads (it is a RuntimeError, as in Flet).
            BadBlobName: no file can be called that (it is a ValueError).
        """
        return self._services.upload_url(file_name, expires)

    def oauth_authorize(self, attrs: dict[str, Any]) -> None:
        """Note a sign-in that ``page.login`` begins. What the page does next waits until that is stored.

        Args:
            attrs: Flet's: ``state``, which the provider will bring back; ``completePageHtml`` to show then,
                or ``completePageUrl`` to go to.
        """
        html, url = attrs.get("completePageHtml") or "", attrs.get("completePageUrl") or ""
        self._services.signing_in(attrs["state"], html, url)

    def dispose(self) -> None:
        """Nothing to let go of: sockets come and go without it."""
