"""Every store the contract runs against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.servers import KINDS, running_when_asked
from tests.stores.worlds import World, make_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from flet_cluster.stores.base import SessionStore


@pytest.fixture(scope="session")
def server_url() -> Iterator[Callable[[str], str]]:
    with running_when_asked() as url:
        yield url


@pytest.fixture(params=["memory", *KINDS])
async def world(request: pytest.FixtureRequest, server_url: Callable[[str], str]) -> AsyncIterator[World]:
    kind = request.param
    world = make_world(kind, "" if kind == "memory" else server_url(kind))
    yield world
    await world.close()


@pytest.fixture
async def store(world: World) -> SessionStore:
    return await world.store()
