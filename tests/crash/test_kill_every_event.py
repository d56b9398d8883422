"""An app whose node is killed after every single event goes on as one that never was."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.crash.herd import herd
from tests.crash.walk import Walk, compare
from tests.scripts import SCRIPTS
from tests.twin import ROOT

if TYPE_CHECKING:
    from tests.crash.reference import References, Seen
    from tests.crash.zygote import Zygote


def test_there_is_enough_to_kill() -> None:
    assert len(SCRIPTS) >= 25
    assert sum(len(script.steps) for script in SCRIPTS.values()) >= 300


@pytest.mark.parametrize("app", SCRIPTS)
def test_nothing_differs_when_a_node_dies_after_every_event(
    app: str, valkey: str, zygote: Zygote, references: References
) -> None:
    expected = references.of(app).script
    asyncio.run(_run(app, valkey, zygote, expected))


@pytest.mark.parametrize("app", ["before_main", "generators", "errors", "declarative_effects"])
def test_nor_when_sync_handlers_run_on_the_loop(
    app: str, valkey: str, zygote: Zygote, references: References
) -> None:
    expected = references.of(app).script
    asyncio.run(_run(app, valkey, zygote, expected, "loop"))


async def _run(
    app: str, valkey: str, zygote: Zygote, expected: tuple[Seen, ...], handlers: str = "thread"
) -> None:
    script, differences = SCRIPTS[app], []
    target = ROOT / "tests" / "apps" / f"{app}.py"
    async with herd(zygote, target, valkey, FLET_CLUSTER_SYNC_HANDLERS=handlers) as nodes:
        walk, seen = await Walk.begin(nodes, script)
        try:
            differences += compare(seen, expected[0])
            for number, step in enumerate(script.steps):
                await walk.move(at_once=number % 2 == 1)
                differences += compare(await walk.act(step), expected[number + 1])
            await walk.move(at_once=False)
            assert differences == [], "\n".join(differences)
            for expectation in script.expect:
                expectation.check(walk.tab.client)
            walk.check_continuity()
            assert walk.kills == len(script.steps) + 1
        finally:
            print(nodes.complaints())  # shown when the test fails
            await walk.tab.stop()
