"""A crash at any moment whatever: each event took effect once, or is reported as interrupted.

The node dies at the k-th pass of a point, for every k until it is not passed that often. Then the tab goes on
at another node, and what the session says there is compared with what the tab has ever seen.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from tests.crash.herd import CRASHING, Herd, Node, herd
from tests.crash.nodes import CRASH_AT
from tests.steps import Find
from tests.tab import Tab
from tests.twin import ROOT

if TYPE_CHECKING:
    from tests.crash.zygote import Zygote
    from tests.mirror import MirrorControl

APP = ROOT / "tests" / "crash" / "apps" / "overlapping.py"
COMMIT = ("applied", "captured", "committed", "acknowledged", "released", "published", "sent")
CODE = (
    "before-update",
    "after-update",
    "before-await",
    "after-await",
    "lane-before-update",
    "lane-after-update",
)
MAIN = ("main-before-update", "main-after-update", "main-after-await")
DRAIN = tuple(
    f"draining-{name}" for name in ("applied", "captured", "committed", "released", "lease-released")
)
"""A node that leaves sends its browsers away first: it says and acknowledges nothing more."""
CLICKS = ("wander", "stroll", "march", "wander")
LONGER = (*CLICKS, *["march"] * 10)
"""So much that a node which is asked to leave (and looks for that ten times a second) is still at it."""
PARTS = ["1", "2", "3", "done"]
MOST = 200
ABREAST = 3
PATIENCE = 20.0


@dataclass
class Story:
    """One tab, from its opening to what the session says in the end.

    Attributes:
        seen: the journal each time the tab was shown a change of it.
        beats: the same for the counter of ``main``.
        inputs: number of each event's input on the link.
        moved: whether the last question went to the second node.
    """

    herd: Herd
    mortal: Node
    heir: Node
    seen: list[str] = field(default_factory=list)
    beats: list[int] = field(default_factory=list)
    inputs: dict[str, int] = field(default_factory=dict)
    moved: bool = False
    clicks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.tab = Tab(lambda: [self.heir.url if self.mortal.status is not None else self.mortal.url])
        self.tab.headers = {"User-Agent": "tests"}

    async def run(self, *, drain: bool) -> None:
        """Open, click without waiting, let the first node leave if asked, and ask what there is then."""
        await self.tab.start()
        self.clicks = LONGER if drain else CLICKS
        for number, name in enumerate(self.clicks):
            await self.click(name, f"e{number}")
        if drain:
            self.mortal.terminate()
            await self.mortal.ended()
        await self.tab.until(lambda: self.tab.link.pending == 0, PATIENCE)
        await self.all_accounted()

    async def click(self, name: str, event: str) -> None:
        """Click a button as soon as it is there; the event carries its own name."""
        await self.tab.until(lambda: name in self.tab.client.texts(), PATIENCE)
        control = self.tab.client.find(Find(name, type="Button"))
        for packet in self.tab.client.trigger(control, "click", event):
            self.inputs[event] = self.tab.link.send(packet)
        await self.tab._flush()

    async def all_accounted(self) -> None:
        """Ask for the journal until every event has ended or is reported by the node that is there now."""
        async with asyncio.timeout(PATIENCE):
            for number in itertools.count():
                # Asked before the move, the answer may come from the record: nothing runs on the heir yet.
                self.moved = self.tab.node == self.heir.node_id
                await self.click("ask", f"ask{number}")
                await self.tab.until(functools.partial(self._shows, f"ask{number}.asked"), PATIENCE)
                if self.moved == (self.mortal.status is not None) and self._all_ended():
                    return

    def _shows(self, word: str) -> bool:
        return word in self.journal

    def _all_ended(self) -> bool:
        return all(self.ends(f"e{number}") for number in range(len(self.clicks)))

    def look(self) -> None:
        """Note what the tab shows now."""
        texts = {_key(control): control.get("value") for control in self.tab.client.page.walk()}
        if "journal" in texts:
            self.seen.append(texts["journal"] or "")
            self.beats.append(int(texts["beat"]))

    @property
    def journal(self) -> list[str]:
        """What the tab shows now, in words."""
        return self.seen[-1].split() if self.seen else []

    def ends(self, event: str) -> int:
        """How often an event was completed or reported as interrupted."""
        key = rf"session {self.session}: .*was interrupted \(key {self.session}:[^:]+:{self.inputs[event]}\)"
        return self.journal.count(f"{event}.done") + len(re.findall(key, self.heir.log.read_text()))

    @property
    def session(self) -> str:
        """The session that the tab shows in the end."""
        return self.herd.session_of(self.tab)

    def check(self) -> None:
        """The promises."""
        assert len(set(self.journal)) == len(self.journal), "something was done twice"
        for number in range(len(self.clicks)):
            self._check_event(f"e{number}")
        for earlier, later in itertools.pairwise(self.seen):
            assert later.startswith(earlier), "the tab was shown what is not true any more"
        assert self.beats == sorted(self.beats)
        self._check_main()
        assert self.tab.ended == ""

    def _check_event(self, event: str) -> None:
        assert self.ends(event) == 1, f"{event} ended {self.ends(event)} times"
        parts = [word.partition(".")[2] for word in self.journal if word.startswith(f"{event}.")]
        assert parts == PARTS[: len(parts)], "a step was lost or came in another order"

    def _check_main(self) -> None:
        """``main`` never ends: here it still runs, or ran again from nothing, or is reported."""
        reported = self.heir.log.read_text().count(f"session {self.session}: main was interrupted")
        runs = self.herd.main_runs(self.tab)
        assert runs.count(self.heir.pid) + reported == int(self.moved), (runs, reported)
        assert runs.count(self.mortal.pid) <= 1
        buttons = [control for control in self.tab.client.page.walk() if control.type == "Button"]
        assert len(buttons) == 4


def _key(control: MirrorControl) -> str:
    key = control.props.get("key")
    return str(key.get("value")) if isinstance(key, dict) else str(key)


async def tell(nodes: Herd, heir: Node, crash_at: str, *, drain: bool) -> int | None:
    """Run one story; returns how the first node ended, None if it did not."""
    mortal = await nodes.spawn(**{CRASH_AT: crash_at}).ready()
    story = Story(nodes, mortal, heir)
    feed = story.tab.client.feed

    def feed_and_look(packet: bytes) -> list[bytes]:
        replies = feed(packet)
        story.look()
        return replies

    story.tab.client.feed = feed_and_look  # type: ignore[method-assign]
    try:
        await story.run(drain=drain)
        story.check()
    except Exception:
        print(crash_at, story.seen, nodes.main_runs(story.tab), story.inputs, story.tab.closes, sep="\n")
        print(mortal.log.read_text(), heir.log.read_text(), sep="\n---\n")
        raise
    finally:
        await story.tab.stop()
    status = mortal.status
    await mortal.kill()
    return status


async def _enumerate(
    zygote: Zygote, valkey: str, point: str, *, drain: bool, handlers: str = "thread"
) -> int:
    """Crash at each pass of a point, some stories at a time; returns how many crashes there were."""
    crashes = 0
    env: dict[str, Any] = {"FLET_CLUSTER_DRAIN_TIMEOUT": "1", "FLET_CLUSTER_SYNC_HANDLERS": handlers}
    async with herd(zygote, APP, valkey, CRASHING, **env) as nodes:
        heir = await nodes.spawn().ready()
        for first in range(1, MOST, ABREAST):
            async with asyncio.TaskGroup() as group:
                passes = [f"{point}:{first + n}" for n in range(ABREAST)]
                stories = [group.create_task(tell(nodes, heir, each, drain=drain)) for each in passes]
            ends = [story.result() for story in stories]
            assert set(ends) <= {-9, 0 if drain else None}
            crashes += ends.count(-9)
            if set(ends) != {-9}:
                return crashes
    raise AssertionError(f"{point} is passed more than {MOST} times")


@pytest.mark.parametrize("point", [*COMMIT, *CODE, *MAIN])
def test_a_crash_at_each_pass_of(point: str, zygote: Zygote, valkey: str) -> None:
    assert asyncio.run(_enumerate(zygote, valkey, point, drain=False)) > 0


@pytest.mark.parametrize("point", DRAIN)
def test_a_crash_while_the_node_leaves_at_each_pass_of(point: str, zygote: Zygote, valkey: str) -> None:
    assert asyncio.run(_enumerate(zygote, valkey, point, drain=True)) > 0


@pytest.mark.parametrize("point", ["applied", "committed", "lane-after-update", "draining-committed"])
def test_a_crash_with_sync_handlers_on_the_loop_at_each_pass_of(
    point: str, zygote: Zygote, valkey: str
) -> None:
    drain = point.startswith("draining")
    assert asyncio.run(_enumerate(zygote, valkey, point, drain=drain, handlers="loop")) > 0
