"""The page of all nodes (layer 4: imports Flet)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import flet as ft

from flet_cluster import figures
from flet_cluster.dashboard.asking import ask
from flet_cluster.dashboard.parts import FAIR, GOOD, SOFT, Badge, Empty, Fact, Panel, widths
from flet_cluster.dashboard.view import View

if TYPE_CHECKING:
    from flet_cluster.inspection import Inspector, NodeFacts

MOST = 60
"""Nodes that have a card; of more, the last ones are only counted."""
FACTS = ("Sessions", "Connected", "Awake", "Events / s", "Latency", "95 %", "Processor", "Memory", "Loop lag")


@ft.control
class NodeCard(Panel):
    """One node."""

    def init(self) -> None:
        """Lay it out; :meth:`show` fills it."""
        super().init()
        self.col = widths(xs=12, md=6, xl=4)
        self._name = ft.Text("", size=15, weight=ft.FontWeight.W_600, no_wrap=True)
        self._state = Badge()
        self._id = ft.Text("", size=12, color=SOFT, selectable=True)
        self._facts = [Fact(name=name, col=4) for name in FACTS]
        self._foot = ft.Text("", size=12, color=SOFT)
        self.drain = ft.TextButton("Drain", icon=ft.Icons.LOGOUT)
        self.content = ft.Column(
            [
                ft.Row([self._name, self._state], alignment=ft.MainAxisAlignment.SPACE_BETWEEN),
                self._id,
                ft.ResponsiveRow([*self._facts], run_spacing=12),
                ft.Row([self._foot, self.drain], alignment=ft.MainAxisAlignment.SPACE_BETWEEN),
            ],
            spacing=12,
        )

    def show(self, node: NodeFacts, now: float) -> None:
        """Show a node as it is."""
        self._name.value = node.address or f"{node.host} · process {node.pid}"
        self._state.show(*(("draining", FAIR) if node.draining else ("ready", GOOD)))
        self._id.value = node.node_id
        values = (
            *(figures.count(value) for value in (node.sessions, node.connected, node.awake)),
            figures.rate(node.events),
            *(figures.seconds(value) for value in (node.latency, node.latency_high)),
            figures.cores(node.cpu),
            figures.size(node.memory),
            figures.seconds(node.lag),
        )
        for fact, value in zip(self._facts, values, strict=True):
            fact.show(value)
        self._foot.value = f"up {figures.duration(node.age(now))} · app {figures.short(node.version)}"
        self.drain.disabled = node.draining


@ft.control
class Nodes(View):
    """A card for each node, in the order in which they came."""

    def init(self) -> None:
        """Lay it out."""
        super().init()
        self._cards: dict[str, NodeCard] = {}
        self._ready: set[str] = set()
        self._row = ft.ResponsiveRow(spacing=12, run_spacing=12)
        self._more = ft.Text("", color=SOFT)
        self._empty = Empty(visible=False)
        self._empty.say("No node is alive", ft.Icons.CLOUD_OFF_OUTLINED)
        self.controls = [self._row, self._more, self._empty]

    async def read(self, cluster: Inspector) -> None:
        """See :class:`View`."""
        nodes = sorted(await cluster.nodes(), key=lambda node: (node.started, node.node_id))
        self._ready = {node.node_id for node in nodes if not node.draining}
        shown = nodes[:MOST]
        self._cards = {node.node_id: self._card(node.node_id) for node in shown}
        for node in shown:
            self._cards[node.node_id].show(node, time.time())
        self._row.controls = list(self._cards.values())
        self._empty.visible = not nodes
        self._more.visible = len(nodes) > MOST
        self._more.value = f"and {len(nodes) - MOST} more: flet-cluster nodes lists all"

    def _card(self, node_id: str) -> NodeCard:
        card = self._cards.get(node_id)
        if card is None:
            card = NodeCard()
            card.drain.data = node_id
            card.drain.on_click = self._drain
        return card

    async def _drain(self, event: ft.Event[ft.TextButton]) -> None:
        """Ask, then let a node go."""
        node_id = str(event.control.data)
        others = self._ready - {node_id}
        ask(
            self,
            f"Drain node {node_id}?",
            "It hands its sessions over to the other nodes, and its process ends. Users notice nothing."
            if others
            else "No other node is ready: its process ends, and users wait until one starts.",
            "Drain",
            lambda cluster: cluster.drain(node_id),
        )
