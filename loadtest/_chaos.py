"""The same users all the time, and nodes of a fleet on this machine that are killed at random.

``--chaos-parent PID`` names the process that started them and starts others in their place, such as
``flet-cluster run --workers 3``. Its last node is left alone.
"""

from __future__ import annotations

import logging
import random
import sys
from typing import TYPE_CHECKING, Any

import psutil
from locust import events
from locust.runners import WorkerRunner

from loadtest._shape import Shape

if TYPE_CHECKING:
    from locust.env import Environment

logger = logging.getLogger(__name__)

_FIRST = 5.0
"""Seconds without a kill, so that there is something to lose."""


class Chaos(Shape):
    """Nodes die."""

    def __init__(self) -> None:
        super().__init__()
        self.next_kill = _FIRST
        self.kills = 0

    def reset_time(self) -> None:
        """Begin again."""
        super().reset_time()
        self.next_kill = _FIRST

    def share(self, part: float) -> float:
        """Return everybody, and kill a node if it is time."""
        del part
        if self.get_run_time() >= self.next_kill:
            self.next_kill += random.expovariate(1 / self.options.chaos_every)
            self._kill()
        return 1.0

    def _kill(self) -> None:
        found = nodes(self.options.chaos_parent)
        if len(found) < 2:  # noqa: PLR2004
            logger.info("no node is killed: there is only one")
            return
        victim = random.choice(found)
        logger.info("kill -9 %d, one of %d nodes", victim.pid, len(found))
        victim.kill()
        self.kills += 1


def nodes(parent: int) -> list[psutil.Process]:
    """Return the nodes that a process has started; empty when it has gone."""
    try:
        found = [child for child in psutil.Process(parent).children(recursive=True) if _is_node(child)]
        return [node for node in found if not any(_is_node(child) for child in node.children())]
    except psutil.NoSuchProcess:
        return []


def _is_node(process: psutil.Process) -> bool:
    try:
        words = process.cmdline()
    except psutil.Error:
        return False
    return "flet_cluster.worker" in words or (
        "run" in words and any(word.endswith(("flet-cluster", "flet_cluster.cli")) for word in words)
    )


@events.init.add_listener
def _check(environment: Environment, runner: Any, **_: Any) -> None:
    """Refuse to begin without nodes to kill."""
    options: Any = environment.parsed_options
    if not isinstance(runner, WorkerRunner) and not nodes(options.chaos_parent):
        sys.exit("Chaos needs --chaos-parent PID: the process that has started the nodes, and has some now.")
