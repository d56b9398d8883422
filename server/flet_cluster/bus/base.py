"""The contract of the bus between nodes (layer 2: may import layers 0 and 1, never a concrete bus).

The bus carries hints. **Every message may be lost, doubled, late or overtaken by another** (invariant I4):
whoever sends one must be correct without it, and whoever receives one must check with the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[[bytes], None]
    Unsubscribe = Callable[[], Awaitable[None]]


class Bus(Protocol):
    """Publish and subscribe, at most once. An instance belongs to one node and one event loop."""

    async def start(self) -> None:
        """Connect. Raises :class:`BusUnavailable` when the bus does not answer within its patience."""

    async def stop(self) -> None:
        """Drop every subscription and connection. Harmless when repeated."""

    async def publish(self, channel: str, payload: bytes) -> int | None:
        """Send ``payload`` to whoever listens on ``channel`` now.

        Returns:
            How many listeners the message was handed to. 0 is strong evidence that the node which listens on
            that channel is gone (or is reconnecting at this moment: ask twice). None: this bus cannot tell.

        Raises:
            BusUnavailable: the message may or may not have been sent.
        """

    async def subscribe(self, channel: str, handler: Handler) -> Unsubscribe:
        """Call ``handler(payload)`` on the event loop for every message on ``channel``.

        When this returns, the subscription is in force; publishers count it. It survives reconnects
        (messages sent in between are lost). Several handlers may share a channel. A handler must return
        quickly; one that raises is logged and does not disturb the others.

        Returns:
            Coroutine function that ends this subscription; harmless when repeated.

        Raises:
            BusUnavailable: the bus did not confirm in time; nothing is subscribed.
        """
