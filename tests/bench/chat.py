"""How long a message of ``page.pubsub`` takes to reach every member of a chat, in calm and around kills.

    python -m tests.bench.chat [--members 200] [--nodes 4] [--kills 3] [--words 60] [--pause 1.0]

Node processes on a real Valkey, members over the real link, one process for all browsers. First nobody dies,
then nodes are killed one after the other, each replaced by a fresh one. Measured: from the click of who says
something until a member's page shows it. The members' browsers share the machine with the nodes.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
from typing import TYPE_CHECKING

from tests.cluster.chat import APP, Chat, percentile
from tests.fleet import fleet
from tests.servers import running

if TYPE_CHECKING:
    from tests.fleet import Fleet


async def converse(nodes: Fleet, options: argparse.Namespace) -> Chat:
    """Talk in calm, then while nodes die; then check that all have heard the same."""
    chat = Chat(nodes, random.Random(options.seed))
    try:
        await chat.open(options.members)
        print(f"{options.members} members on {options.nodes} nodes", flush=True)
        await chat.say(options.words, options.pause)
        for _ in range(options.kills):
            await asyncio.sleep(3)
            talking = asyncio.create_task(chat.say(max(6, options.words // 6), options.pause / 2))
            await asyncio.sleep(chat.dice.uniform(0, options.pause))
            chat.kill()
            await talking
            await asyncio.sleep(3)
            await asyncio.to_thread(nodes.add)
        await chat.check(120)
    finally:
        await chat.close()
    return chat


def show(name: str, delays: list[float]) -> None:
    """Print a line of milliseconds."""
    if delays:
        p50, p99, most = (percentile(delays, share) * 1e3 for share in (0.5, 0.99, 1.0))
        print(f"{name:14} p50 {p50:6.0f} ms   p99 {p99:6.0f} ms   max {most:6.0f} ms   n {len(delays)}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--words", type=int, default=60)
    parser.add_argument("--pause", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    options = parser.parse_args()
    with running("valkey") as redis_url, fleet(APP, redis_url, options.nodes) as nodes:
        chat = asyncio.run(converse(nodes, options))
    words, kills = len(chat.said), len(chat.kills)
    print(f"{words} messages, {kills} kills: every member has heard all of them once, in the same order")
    show("in calm", chat.delays(upset=False))
    show("around a kill", chat.delays(upset=True))


if __name__ == "__main__":
    main()
