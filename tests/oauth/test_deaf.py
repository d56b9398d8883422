"""No message between nodes arrives: the answer waits in the inbox until the holder looks there (I4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.cluster.tools import Place, World, seconds
from tests.oauth.provider import sign_in
from tests.oauth.test_sign_in import begin, said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.oauth.conftest import Visitor


@pytest.fixture(scope="module")
def launcher() -> Sequence[str]:
    return ("-m", "tests.cluster.deaf", "run")


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {"FLET_SESSION_TIMEOUT": seconds(5)}  # nodes look after their sessions five times in this time


async def test_the_holder_finds_the_answer_without_being_told(world: World, visitor: Visitor) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder), visitor) as tab:
        answer = sign_in(await begin(tab, visitor), "ada")
        assert (await visitor.visit(answer.at(other.port))).status_code == 200
        await said(tab, "ada is Dr. ada")
    assert world.noted() == ["main", "login ada is Dr. ada on the thread"]
