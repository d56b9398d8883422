"""How a living node gives a session away: asked over the bus, or, without a bus, in its own time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.cluster.tools import Place, World, eventually, seconds, send, session_of
from tests.fleet import SECRET
from tests.steps import Change, Click, Find

from flet_cluster.node.vault import Vault
from flet_cluster.snapshot import KeyRing

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {"FLET_CLUSTER_DISCONNECT_GRACE": seconds(60), "NAP": "0.7"}


class Ear:
    """Listens to the control channels of nodes, with the key they share."""

    def __init__(self, world: World) -> None:
        self._vault = Vault(KeyRing([SECRET]), world.fleet.app_name)
        self._names = {world.records.channel(node): f"ctl:{node.node_id}" for node in world.fleet.nodes}
        self._listener = world.records.redis.pubsub()  # type: ignore[no-untyped-call]
        self._listener.subscribe(*self._names)
        self._confirmed = 0
        self.heard: list[dict[str, Any]] = []

    def listen(self) -> list[dict[str, Any]]:
        """Take what has come; returns everything so far."""
        while (message := self._listener.get_message(timeout=0)) is not None:
            if message["type"] == "subscribe":
                self._confirmed += 1
                continue
            payload = self._vault.open_message(self._names[message["channel"].decode()], message["data"])
            assert payload is not None, "a message on the control channel is not sealed"
            self.heard.append(json.loads(payload))
        return self.heard

    async def ready(self) -> None:
        await eventually(lambda: self.listen() or self._confirmed == len(self._names), "subscribed")

    def close(self) -> None:
        self._listener.close()


async def test_the_holder_is_asked_and_answers(world: World) -> None:
    holder, other = world.pair()
    ear = Ear(world)
    await ear.ready()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        before = world.row(tab)
        place.move(other)
        await tab.cut()
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()
        request, answer = await eventually(lambda: len(ear.listen()) == 2 and ear.heard, "both messages")
        assert (request["op"], request["session"]) == ("release", session_of(tab))
        assert request["from"] == other.node_id
        assert (answer["op"], answer["id"], answer["answer"]) == ("answer", request["id"], "released")
        after = world.row(tab)
        assert (after.owner, after.epoch) == (other.node_id, before.epoch + 1)
    ear.close()
    assert "taken by force" not in world.fleet.logs()


async def test_what_runs_ends_and_what_was_typed_is_kept(world: World) -> None:
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        send(tab, Click("nap"))
        await world.until_noted("nap-start")
        send(tab, Change(Find(type="TextField"), "Ada"))
        await eventually(lambda: tab.link.tx == tab.link._sent, "all is sent")
        place.move(other)
        await tab.cut()
        await tab.until(lambda: "Naps: 1" in tab.client.texts())
        await tab.do(Click("show"))
        assert "Form: Ada False" in tab.client.texts()
        await tab.until(lambda: tab.node == other.node_id)
    assert world.noted("nap-start", "nap-end") == ["nap-start", "nap-end"]


async def test_a_session_that_is_passed_to_and_fro_loses_nothing(world: World) -> None:
    first, second = world.pair()
    place = Place(first)
    async with world.tab(place) as tab:
        for number in range(1, 13):
            place.move(second if number % 2 else first)
            send(tab, Click("plus"))
            await tab.cut()
            await tab.until(lambda: tab.resumes == number)  # noqa: B023 - used before the next round
        await tab.settle()
        assert "Count: 12" in tab.client.texts()
