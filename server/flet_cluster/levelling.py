"""``flet-cluster rebalance``: asks a cluster's nodes to level their load, and watches them (layer 5)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from flet_cluster import balance
from flet_cluster.bus.redis import RedisBus
from flet_cluster.composition import place_of, why_not_started
from flet_cluster.errors import ClusterError, SettingsError, StartFailed
from flet_cluster.node.control import Control
from flet_cluster.node.rebalance import table
from flet_cluster.node.vault import Vault
from flet_cluster.snapshot import KeyRing
from flet_cluster.stores.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flet_cluster.model import NodeInfo
    from flet_cluster.settings import Settings

_LOOK_SECONDS = 1.0
_NOBODY = "flet-cluster rebalance"


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
        StartFailed: Redis cannot be used.
    """
    for name, value in (("redis-url", settings.redis_url), ("app-name", settings.app_name)):
        if not value:
            variable = f"FLET_CLUSTER_{name.upper().replace('-', '_')}"
            raise SettingsError(f"Which cluster? Give --{name} or {variable}, as the nodes have it.")
    if settings.secret_key is None:
        raise SettingsError(
            "Nodes do what they are told under their own key: set FLET_SECRET_KEY as they have it."
        )
    return asyncio.run(_Levelling(settings, say).run(timeout))


class _Levelling:
    """One run."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        assert settings.redis_url is not None
        url, name = settings.redis_url.get_secret_value(), settings.app_name
        self._settings = settings
        self._say = say
        self._store = RedisStore(url, name)
        self._bus = RedisBus(url, name)
        vault = Vault(KeyRing(settings.key_ring()), name)
        self._control = Control(self._bus, vault, _NOBODY, {}, {})

    async def run(self, timeout: float) -> bool:  # noqa: ASYNC109 - it is no error
        """Ask and watch."""
        try:
            await self._store.start()
            await self._bus.start()
            return await self._until_level(timeout)
        except ClusterError as error:
            raise StartFailed(why_not_started(error, self._settings)[0] or str(error)) from error
        finally:
            await self._bus.stop()
            await self._store.stop()

    async def _until_level(self, timeout: float) -> bool:  # noqa: ASYNC109 - it is no error
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
            name, place = self._settings.app_name, place_of(self._settings)
            raise StartFailed(f"No node of the app {name!r} gives signs of life in the Redis at {place}.")
        for line in table(nodes):
            self._say(line)
        self._say("")
        return nodes


def _is_level(nodes: Sequence[NodeInfo]) -> bool:
    return not any(balance.surplus(node, nodes) for node in nodes if not node.draining)
