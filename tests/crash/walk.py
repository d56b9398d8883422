"""A tab driven through a herd: acts, settles, and records what it sees as the reference does."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.browser import Browser
from tests.canonical import Canonical
from tests.crash.reference import Seen
from tests.page_dump import difference
from tests.tab import Tab
from tests.twin import USER_AGENT
from tests.wire import Action, decode, encode

if TYPE_CHECKING:
    from tests.crash.herd import Herd, Node
    from tests.steps import Script, Step

SHOWN = 6


@dataclass
class Walk:
    """One tab's way over the nodes of a herd.

    Attributes:
        at: the node that serves the tab, or will once it has reconnected.
        kills: how many nodes were killed under it.
    """

    herd: Herd
    at: Node
    tab: Tab
    kills: int = 0
    canonical: Canonical = field(default_factory=Canonical)
    first: Node = field(init=False)

    def __post_init__(self) -> None:
        self.first = self.at

    @classmethod
    async def begin(cls, herd: Herd, script: Script) -> tuple[Walk, Seen]:
        """Open the app where the script does; returns the walk and what the registration showed."""
        at = await herd.next()
        tab = Tab(lambda: [walk.at.url], Browser(route=script.route, replies=script.replies))
        tab.headers = {"User-Agent": USER_AGENT}
        walk = cls(herd, at, tab)
        await tab.start()
        await herd.settle(tab, at)
        return walk, walk._look("register", 0)

    async def act(self, step: Step, name: str = "") -> Seen:
        """Do a step, let it settle on the present node, and look."""
        before = len(self.tab.client.packets)
        for packet in step.packets(self.tab.client):
            self.tab.send(packet)
        await self.herd.settle(self.tab, self.at)
        return self._look(name or repr(step), before)

    def _look(self, step: str, before: int) -> Seen:
        packets = tuple(self.canonical.packet(packet) for packet in self.tab.client.packets[before:])
        return Seen(step, packets, self.canonical.tree(self.tab.client.dump()))

    async def move(self, *, at_once: bool) -> None:
        """Kill the holder and go on at a node that never ran this session.

        Args:
            at_once: go on while the tab has no socket, rather than when it is back.
        """
        holder, session_id = self.at, self.herd.session_of(self.tab)
        assert self.tab.node == await self.herd.owner(self.tab) == holder.node_id
        heir = await self.herd.next()
        assert heir.node_id not in self.tab.nodes
        assert session_id not in await self.herd.seats(heir)
        self.at = heir
        assert await holder.kill() == -9
        self.kills += 1
        if not at_once:
            await self.herd.settle(self.tab, heir)

    def check_continuity(self) -> None:
        """The tab came back each time with nothing lost, and ``main`` ran once in all."""
        tab = self.tab
        assert tab.ended == ""
        assert (tab.resumes, len(tab.nodes), len(set(tab.nodes))) == (
            self.kills,
            self.kills + 1,
            self.kills + 1,
        )
        assert self.herd.main_runs(tab) == [self.first.pid]


def _without_name(packet: bytes) -> bytes:
    """The register response without the session's name: stock sends an id, we send a longer, signed token."""
    action, body = decode(packet)
    return encode(action, body | {"session_id": ""}) if action is Action.REGISTER_CLIENT else packet


def compare(seen: Seen, expected: Seen) -> list[str]:
    """What differs, packets first; empty when nothing does."""
    found = [f"step {seen.step}, expected {expected.step}"] if seen.step != expected.step else []
    found += _packets(seen.packets, expected.packets)
    found += [f"mirror{line}" for line in itertools.islice(difference(seen.mirror, expected.mirror), SHOWN)]
    return [f"after {expected.step}: {line}" for line in found]


def _packets(seen: tuple[bytes, ...], expected: tuple[bytes, ...]) -> list[str]:
    pairs = itertools.zip_longest(map(_without_name, seen), map(_without_name, expected))
    return [
        f"packet {n}:\n  seen     {one!r:.1500}\n  expected {other!r:.1500}"
        for n, (one, other) in enumerate(pairs)
        if one != other
    ][:SHOWN]
