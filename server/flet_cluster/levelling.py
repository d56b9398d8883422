"""``flet-cluster rebalance``: asks a cluster's nodes to level their load, and watches them (layer 5)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from flet_cluster import balance
from flet_cluster.errors import StartFailed
from flet_cluster.operating import nobody, open_control

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flet_cluster.model import NodeInfo
    from flet_cluster.node.control import Control
    from flet_cluster.settings import Settings
    from flet_cluster.stores.base import SessionStore

_LOOK_SECONDS = 1.0


def level(settings: Settings, timeout: float, say: Callable[[str], None]) -> bool:
    """Have the load levelled.

    Args:
        settings: with the cluster's Redis, app name and secret key.
        timeout: seconds to wait.
        say: receives lines for the operator.

    Returns:
        Whether it is level.

    Raises:
        SettingsError: something of the three is not given.
        StartFailed: Redis cannot be used, or there are no nodes.
    """

    async def run() -> bool:
        async with open_control(settings) as (store, control):
            return await _Levelling(settings, store, control, say).run(timeout)

    return asyncio.run(run())


class _Levelling:
    """One run."""

    def __init__(
        self, settings: Settings, store: SessionStore, control: Control, say: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._store = store
        self._control = control
        self._say = say

    async def run(self, timeout: float) -> bool:  # noqa: ASYNC109 - it is no error
        """Ask and watch."""
        nodes = await self._nodes()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not _is_level(nodes):
                    await asyncio.gather(*(self._control.tell_rebalance(node.node_id) for node in nodes))
                    await asyncio.sleep(_LOOK_SECONDS)
                    nodes = await self._nodes()
        level = _is_level(nodes)
        self._say(
            "The load is level." if level else f"The load is not level after {timeout:g} s; nodes go on."
        )
        return level

    async def _nodes(self) -> Sequence[NodeInfo]:
        nodes = await self._store.nodes()
        if not nodes:
            raise StartFailed(nobody(self._settings))
        for node in nodes:
            self._say(_described(node))
        self._say("")
        return nodes


def _described(node: NodeInfo) -> str:
    """Return what an operator wants to read of a node."""
    load = f"{node.connected} connected, {node.sessions} sessions"
    return f"{node.node_id}  {load}, version {node.version}" + ("  draining" if node.draining else "")


def _is_level(nodes: Sequence[NodeInfo]) -> bool:
    return not any(balance.surplus(node, nodes) for node in nodes if not node.draining)
