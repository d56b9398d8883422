"""A chat on four nodes, some of which die: every member hears the same, all of it, once."""

from __future__ import annotations

import asyncio
import os
import random
from typing import TYPE_CHECKING

from tests.cluster.chat import APP, Chat
from tests.fleet import fleet
from tests.shell.running import SLOWNESS
from tests.soak import MEMBERS, ROUNDS

if TYPE_CHECKING:
    from tests.fleet import Fleet

WORDS = 15
PAUSE = 0.1
PATIENCE = 60 * SLOWNESS


async def converse(nodes: Fleet, seed: int) -> None:
    chat = Chat(nodes, random.Random(seed))
    try:
        await chat.open(MEMBERS)
        for _ in range(ROUNDS):  # a node dies in each, and all connections to Redis break
            talking = asyncio.create_task(chat.say(WORDS, PAUSE))
            async with chat.away(MEMBERS // 10):
                await asyncio.sleep(chat.dice.uniform(0, WORDS * PAUSE))
                chat.kill()
                await talking
            fresh = nodes.spawn()
            talking = asyncio.create_task(chat.say(WORDS, PAUSE))
            await asyncio.sleep(chat.dice.uniform(0, WORDS * PAUSE))
            chat.cut_redis()
            await talking
            await asyncio.to_thread(nodes.wait_ready, fresh)
        talking = asyncio.create_task(chat.say(WORDS, PAUSE))
        await chat.drain()
        await talking
        await chat.check(PATIENCE)
    finally:
        await chat.close()


def test_every_member_of_a_chat_hears_the_same_though_nodes_die(valkey: str) -> None:
    seed = int.from_bytes(os.urandom(4))
    with fleet(APP, valkey, 4) as nodes:
        try:
            asyncio.run(converse(nodes, seed))
        except BaseException:
            print(f"seed {seed}", nodes.logs(), sep="\n")
            raise
        assert "Traceback" not in nodes.logs(), nodes.logs()
