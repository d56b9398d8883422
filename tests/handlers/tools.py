"""A node with one handler of each kind, and what they note."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from tests.browser import Browser
from tests.cluster.tools import eventually
from tests.tab import Tab

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.fleet import Fleet

KINDS = str(Path(__file__).with_name("kinds.py"))


@dataclass
class Kinds:
    """A node of ``kinds.py``.

    Attributes:
        mode: where its sync handlers run.
    """

    nodes: Fleet
    folder: Path
    mode: str

    @contextlib.asynccontextmanager
    async def tab(self, route: str, token: str | None = None) -> AsyncIterator[Tab]:
        """A tab that has its page, or its empty one while ``main`` is held."""
        tab = Tab(lambda: self.nodes.urls, Browser(route=f"/{route}"), token)
        tab.settles = False
        await tab.start()
        try:
            yield tab
        finally:
            await tab.stop()

    def metrics(self) -> dict[str, float]:
        """What a scrape finds, without labels."""
        text = httpx.get(f"http://127.0.0.1:{self.nodes.nodes[0].port}/metrics").text
        found = re.findall(r"^flet_cluster_(\w+)\{[^}]*\} ([\d.e+-]+)$", text, re.MULTILINE)
        return {name: float(value) for name, value in found}

    def all_notes(self) -> list[dict[str, Any]]:
        """What handlers noted, in order."""
        return [json.loads(line) for line in (self.folder / "notes").read_bytes().splitlines()]

    def notes(self, route: str, kind: str = "") -> list[dict[str, Any]]:
        """The same for one tab."""
        found = [line for line in self.all_notes() if line["route"] == route]
        return [line for line in found if not kind or line["kind"] == kind]

    def noted(self, route: str) -> list[str]:
        """The same, in words."""
        return [f"{line['kind']} {line['what']}".strip() for line in self.notes(route)]

    async def until_noted(self, route: str, *words: str) -> None:
        """Wait until all of these were noted."""
        await eventually(
            lambda: set(words) <= set(self.noted(route)), f"{words} in {route}: {self.nodes.logs()[-2000:]}"
        )

    def close_gate(self, route: str, kind: str) -> Callable[[], None]:
        """Let handlers of a kind block until what is returned is called."""
        gate = self.folder / "gate" / route / kind
        gate.parent.mkdir(parents=True, exist_ok=True)
        gate.touch()
        return gate.unlink

    def log(self) -> str:
        """What the node logged."""
        return self.nodes.nodes[0].log.read_text()
