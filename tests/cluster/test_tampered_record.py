"""Nothing of a record is used unless its seal verifies (I5), and the browser is told (I6)."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from tests.cluster.tools import Place, World, closed_with, session_of
from tests.steps import Click
from tests.tab import TabEnded

from flet_cluster.protocol.close import CloseCode


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("field", ["image", "tail"])
@pytest.mark.parametrize("how", ["bomb", "flipped", "of another session"])
async def test_a_record_that_does_not_verify_is_a_visible_reset(
    world: World, tmp_path: Path, field: str, how: str
) -> None:
    _, other = world.pair()
    holder = world.fleet.add()
    proof = tmp_path / "unpickled"
    place = Place(holder)
    async with world.tab(place) as tab, world.tab(Place(other)) as foreign:
        await tab.do(Click("plus"))
        await foreign.do(Click("plus"))
        sealed = world.row(tab).fields[field]
        wrong = {
            "bomb": pickle.dumps(Bomb(proof)),
            "flipped": sealed[:-1] + bytes([sealed[-1] ^ 1]),
            "of another session": world.row(foreign).fields[field],
        }[how]
        place.move()
        holder.kill()
        world.records.redis.hset(world.records.key(session_of(tab)), field, wrong)
        place.move(other)
        with pytest.raises(TabEnded, match="reset: seal"):
            await tab.do(Click("plus"))
        await closed_with(tab, CloseCode.SEAL)
        await foreign.do(Click("plus"))
        assert "Count: 2" in foreign.client.texts()
    assert not proof.exists()
