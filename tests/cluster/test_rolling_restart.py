"""Every node is replaced, one after the other, while users click: nobody loses anything."""

from __future__ import annotations

from tests.bench.rolling import roll
from tests.fleet import fleet

USERS = 40


async def test_no_click_is_lost_and_nobody_is_reset(valkey: str) -> None:
    with fleet("tests/bench/app.py", valkey, 3) as nodes:
        outcome = await roll(nodes, USERS, think=0.3, calm=0)
        assert not outcome.wrong
        assert not outcome.resets
        assert sum(user.clicks for user in outcome.users) > USERS
        assert sum(user.tab.resumes for user in outcome.users) >= USERS
        assert "Traceback" not in nodes.logs()
        assert nodes.logs().count("0 sessions had to be cut short") == 3
