"""Redis loses its data: whoever listens is told that messages may be missing, and hears what comes then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis
from tests.cluster.chat import APP
from tests.cluster.tools import Place, seconds
from tests.fleet import fleet
from tests.steps import Click, Find
from tests.tab import open_tab

from flet_cluster.embedded import EmbeddedServer

if TYPE_CHECKING:
    from tests.tab import Tab

OPTIONS = {
    "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
    "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(1),
    "FLET_SESSION_TIMEOUT": seconds(30),
}


def say(tab: Tab, word: str) -> None:
    """Say something."""
    button = tab.client.find(Find("say", type="Button"))
    for packet in tab.client.trigger(button, "click", word):
        tab.send(packet)


async def tells(tab: Tab, words: str) -> None:
    """Wait until a session has heard exactly this."""
    count = str(len(words.split()))
    await tab.until(lambda: count in tab.client.texts())
    await tab.do(Click("tell"))
    assert tab.client.find(Find(key="told")).get("value") == words


@pytest.mark.parametrize("how", ["flush", "restart"])
async def test_listeners_are_told_that_messages_may_be_missing(how: str) -> None:
    with EmbeddedServer() as server, fleet(APP, server.url, 2, **OPTIONS) as nodes:
        one_place, other_place = (Place(node) for node in nodes.nodes)
        async with open_tab(one_place) as one, open_tab(other_place) as other:
            say(one, "first")
            await tells(other, "first")
            await tells(one, "first")
            if how == "flush":
                redis.Redis.from_url(server.url).flushall()
            else:
                server.kill()
                server.start()
            await other.until(lambda: "2" in other.client.texts(), 30)
            say(one, "second")
            await tells(other, "first (missing) second")
            await tells(one, "first (missing) second")
        assert "messages of" in nodes.logs()
        assert "Traceback" not in nodes.logs(), nodes.logs()
