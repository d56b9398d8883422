"""A restored page is not only the same page: every handler on it does what it would have done.

Equal pages alone prove little: a handler could be bound to a copy of what it should change. So each is
fired on a node that has only the snapshot, and each patch is compared with that of a twin that never moved.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.crash.handlers import Firing, handlers
from tests.crash.herd import herd
from tests.crash.walk import Walk, compare
from tests.scripts import SCRIPTS
from tests.twin import ROOT

if TYPE_CHECKING:
    from tests.crash.reference import Recording, References
    from tests.crash.zygote import Zygote


STEPS = {"form": 9}
"""How many steps to do first, where the script's end leaves no handler on the page."""


@pytest.mark.parametrize("app", SCRIPTS)
def test_every_handler_works_after_a_restore(
    app: str, valkey: str, zygote: Zygote, references: References
) -> None:
    recording = references.of(app, STEPS.get(app))
    assert recording.fired, "a page without handlers shows nothing"
    asyncio.run(_run(app, valkey, zygote, recording))


async def _run(app: str, valkey: str, zygote: Zygote, expected: Recording) -> None:
    script = SCRIPTS[app]
    async with herd(zygote, ROOT / "tests" / "apps" / f"{app}.py", valkey, stand_by=0) as nodes:
        walk, seen = await Walk.begin(nodes, script)
        try:
            differences = compare(seen, expected.script[0])
            for step, wanted in zip(script.steps, expected.script[1:], strict=app not in STEPS):
                differences += compare(await walk.act(step), wanted)
            await walk.move(at_once=False)
            for handler, wanted in zip(handlers(walk.tab.client), expected.fired, strict=True):
                differences += compare(await walk.act(Firing(handler), str(handler)), wanted)
            assert differences == [], "\n".join(differences)
            walk.check_continuity()
        finally:
            print(nodes.complaints())  # shown when the test fails
            await walk.tab.stop()
