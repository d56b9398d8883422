"""``flet-cluster`` on a bus that loses every message: hints must not be needed (I4)."""

from __future__ import annotations

import flet_cluster.bus.redis
from flet_cluster.cli import main


class DeafBus(flet_cluster.bus.redis.RedisBus):
    """Connects and subscribes, but whatever is sent gets lost."""

    async def publish(self, channel: str, payload: bytes) -> int | None:
        """Lose it, and not even know how many would have heard it."""
        del channel, payload
        return None


flet_cluster.bus.redis.RedisBus = DeafBus  # type: ignore[misc]  # before the composition root imports it

if __name__ == "__main__":
    main()
