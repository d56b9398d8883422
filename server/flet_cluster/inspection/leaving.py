"""Having a node leave, and watching it (layer 4)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from flet_cluster.inspection.listing import find_node

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.inspection.inspector import Inspector

_LOOK_SECONDS = 0.5


async def see_off(
    inspector: Inspector,
    prefix: str,
    timeout: float,  # noqa: ASYNC109 - it is no error
    say: Callable[[str], None],
) -> bool:
    """Have a node leave, and say how far it is.

    Args:
        inspector: of its cluster, with a control channel.
        prefix: how its id begins.
        timeout: seconds to wait.
        say: receives lines for the operator.

    Returns:
        Whether it has left.

    Raises:
        NoSuchNode, AmbiguousNode: no node, or several, begin so.
        NoAnswer: it does not answer.
    """
    node_id = await find_node(inspector, prefix)
    if not any(node.node_id != node_id and not node.draining for node in await inspector.nodes()):
        say("No other node is ready: users wait until one starts.")
    await inspector.drain(node_id)
    said = ""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            while True:
                line = await _progress(inspector, node_id)
                if line != said:
                    say(line or f"Node {node_id} has left.")
                if not line:
                    return True
                said = line
                await asyncio.sleep(_LOOK_SECONDS)
    say(f"Node {node_id} is still there after {timeout:g} s; it goes on, and its log says more.")
    return False


async def _progress(inspector: Inspector, node_id: str) -> str:
    """Return a line about a node that is to leave; "" when it has."""
    for node in await inspector.nodes():
        if node.node_id == node_id:
            doing = "hands its sessions over" if node.draining else "is about to leave"
            return f"Node {node_id} {doing}: {node.sessions} left, {node.connected} of them connected."
    return ""
