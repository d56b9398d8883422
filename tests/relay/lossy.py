"""``flet-cluster`` on a bus that loses, doubles and reorders what relays say (I4).

``LOSS`` is the share of messages to which each of the three happens.
"""

from __future__ import annotations

import asyncio
import os
import random

import flet_cluster.bus.redis
from flet_cluster.cli import main

LOSS = float(os.environ.get("LOSS", "0.03"))


class LossyBus(flet_cluster.bus.redis.RedisBus):
    """Does to each message of a relay what a bus may do."""

    _late: set[asyncio.Task[int | None]] = set()  # noqa: RUF012 - one for the process is what is wanted

    async def publish(self, channel: str, payload: bytes) -> int | None:
        """Send it, or not, or twice, or later than what comes next."""
        if not channel.startswith("relay:"):
            return await super().publish(channel, payload)
        fate = random.random()
        if fate < LOSS:
            return 1
        if fate < 2 * LOSS:
            await super().publish(channel, payload)
        elif fate < 3 * LOSS:
            task = asyncio.get_running_loop().create_task(self._later(channel, payload))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            return 1
        return await super().publish(channel, payload)

    async def _later(self, channel: str, payload: bytes) -> int | None:
        await asyncio.sleep(0.02)
        return await super().publish(channel, payload)


flet_cluster.bus.redis.RedisBus = LossyBus  # type: ignore[misc]  # before the composition root imports it

if __name__ == "__main__":
    main()
