"""The holder dies in the middle of finishing a sign-in: the next node begins it anew."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests.chromium.wire import Wire, wire_to
from tests.cluster.tools import Place, World, eventually, seconds
from tests.oauth.provider import sign_in
from tests.oauth.test_sign_in import begin, said
from tests.steps import Click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.oauth.conftest import Visitor


@pytest.fixture(scope="module")
def hole() -> Iterator[int]:
    """A port where connections are made and nobody ever answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def wire(hole: int) -> Iterator[Wire]:
    with wire_to(hole) as wire:
        yield wire


@pytest.fixture(scope="module")
def options(wire: Wire) -> Mapping[str, str]:
    return {
        "TOKEN_ENDPOINT": f"{wire.url}token",
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(1),
    }


async def test_the_code_is_exchanged_by_the_next_node(
    world: World, visitor: Visitor, wire: Wire, issuer: str
) -> None:
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place, visitor) as tab:
        answer = sign_in(await begin(tab, visitor), "ada")
        assert (await visitor.visit(answer.at(other.port))).status_code == 200
        await eventually(lambda: wire._lines, "the holder asks for a token")
        await tab.do(Click("who"))  # a commit in the middle of it
        assert "Still: nobody" in tab.client.texts()
        place.move(other)
        wire.target = urlsplit(issuer).port or 0
        holder.kill()
        await said(tab, "ada is Dr. ada")
    assert world.marks.all(world.route)[1:] == [("login ada is Dr. ada on the thread", other.process.pid)]
