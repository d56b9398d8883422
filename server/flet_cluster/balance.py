"""How many sessions a node should let go so that all carry their share (layer 1: pure decisions).

A session cannot be sent to a node: its browser reconnects through whatever is in front of the nodes. What
nodes can do is let sessions go where there are too many, and not take those back. Both follow from what all
say of themselves with their heartbeats, so nobody has to be in charge.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flet_cluster.model import NodeInfo

TOLERANCE = 0.1
"""How far above its share a node may be before it lets go of anything, as a part of the share."""
SLACK = 3
"""The same in users, for small numbers: moving one to and fro helps nobody."""


def share(nodes: Sequence[NodeInfo]) -> int:
    """Return how many connected users each node would have; 0 without nodes."""
    staying = [node for node in nodes if not node.draining]
    return math.ceil(sum(node.connected for node in staying) / len(staying)) if staying else 0


def peers(me: NodeInfo, nodes: Sequence[NodeInfo]) -> list[NodeInfo]:
    """Return this node, and those that could have its sessions: they run the same code, and stay.

    What ``me`` says counts, not what the store remembers of it.
    """
    others = [node for node in nodes if node.node_id != me.node_id and node.version == me.version]
    return [me, *(node for node in others if not node.draining)]


def surplus(me: NodeInfo, nodes: Sequence[NodeInfo]) -> int:
    """Return how many users this node has above its share; 0 as long as that is little.

    Args:
        me: what this node says of itself now.
        nodes: what all said last.
    """
    fair = share(peers(me, nodes))
    above = me.connected - fair
    return above if above > max(SLACK, fair * TOLERANCE) else 0


def crowded(me: NodeInfo, nodes: Sequence[NodeInfo]) -> list[str]:
    """Return the other nodes that already have their share: what this one lets go should not go there."""
    candidates = peers(me, nodes)
    fair = share(candidates)
    return [node.node_id for node in candidates[1:] if node.connected >= fair]
