"""Takes the messages of ``page.pubsub`` from node to node (layer 3).

Messages arrive at sessions that some node has at that moment; nothing keeps them for later.
"""

from __future__ import annotations

import logging
import pickle
from typing import TYPE_CHECKING

from flet_cluster.errors import BusUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flet_cluster.host.pubsub import Publication
    from flet_cluster.node.node import Node

logger = logging.getLogger("flet_cluster.node")

PUBSUB_CHANNEL = "pubsub"


class Publications:
    """One node's end of the app's pub/sub."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._unsubscribe: Callable[[], Awaitable[None]] | None = None

    async def start(self) -> None:
        """Listen to the other nodes. Raises BusUnavailable."""
        self._unsubscribe = await self._node.bus.subscribe(PUBSUB_CHANNEL, self._heard)

    async def stop(self) -> None:
        """Listen no more."""
        if self._unsubscribe is not None:
            await self._unsubscribe()

    def publish(self, publications: list[Publication]) -> None:
        """Give messages to the sessions here and to the other nodes."""
        if publications:
            self._deliver(publications)
            self._node.spawn(self._publish(publications))

    async def _publish(self, publications: list[Publication]) -> None:
        """Tell the other nodes; a hint (I4)."""
        try:
            payload = pickle.dumps((self._node.id, publications))
            await self._node.bus.publish(
                PUBSUB_CHANNEL, self._node.vault.seal_message(PUBSUB_CHANNEL, payload)
            )
        except BusUnavailable as error:
            self._node.observer.count("publications_lost", len(publications))
            logger.warning("%d pub/sub messages did not reach other nodes: %s", len(publications), error)
        except Exception:
            logger.exception("a pub/sub message cannot travel to other nodes")

    def _heard(self, sealed: bytes) -> None:
        payload = self._node.vault.open_message(PUBSUB_CHANNEL, sealed)
        if payload is None:
            return
        sender, publications = pickle.loads(payload)  # noqa: S301 - verified above (I5)
        if sender != self._node.id:
            self._deliver(publications)

    def _deliver(self, publications: list[Publication]) -> None:
        for seat in list(self._node.seats.values()):
            if seat.live is not None:
                for publication in publications:
                    seat.live.deliver(publication)
