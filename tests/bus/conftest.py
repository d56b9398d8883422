"""Every bus the contract runs against."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Protocol

import pytest
from tests.servers import KINDS, fresh_app, running_when_asked

from flet_cluster.bus.memory import MemoryBus, MemoryHub
from flet_cluster.bus.redis import RedisBus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from flet_cluster.bus.base import Bus


class MakeBus(Protocol):
    """Starts one more node's bus."""

    async def __call__(self) -> Bus: ...


@pytest.fixture(scope="session")
def server_url() -> Iterator[Callable[[str], str]]:
    with running_when_asked() as url:
        yield url


@pytest.fixture(params=["memory", *KINDS])
async def make_bus(
    request: pytest.FixtureRequest, server_url: Callable[[str], str]
) -> AsyncIterator[MakeBus]:
    hub, app = MemoryHub(), fresh_app()
    async with AsyncExitStack() as stack:

        async def make() -> Bus:
            kind = request.param
            bus: Bus = MemoryBus(hub) if kind == "memory" else RedisBus(server_url(kind), app)
            await bus.start()
            stack.push_async_callback(bus.stop)
            return bus

        yield make
