"""Whatever happens to the node that serves a user, the page in the browser goes on, and nobody notices.

Each app loses its node three times: the network hangs without a word, the node is asked to leave, the node is
killed. In between the user goes on, also in the middle of typing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.chromium.wire import Wire, wire_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.chromium.conftest import Site, Start
    from tests.chromium.screen import Screen


@dataclass(frozen=True)
class Victim:
    """A tab, the nodes that serve it, and the wire in between."""

    screen: Screen
    site: Site
    wire: Wire

    def hang(self) -> None:
        """The socket goes quiet; nobody closes it."""
        self._struck(self.wire.hang)

    def terminate(self) -> None:
        """The node that serves the tab is asked to leave, and does so in order."""
        holder = self.site.balancer.holder()
        self._struck(lambda: holder.terminate() == 0)

    def kill(self) -> None:
        """The node that serves the tab dies."""
        holder = self.site.balancer.holder()
        self._struck(lambda: holder.kill() != 0)

    def _struck(self, strike: Callable[[], object]) -> None:
        self.screen.forget()
        assert strike()

    def noticed_nothing(self, what: str) -> None:
        """The tab has come back, its user saw nothing of it."""
        self.screen.resumed(1)
        self.screen.photograph(f"after-{what}")
        self.screen.noticed_nothing()


@pytest.fixture
def victim(start: Start, screen: Screen, app: str) -> Iterator[Victim]:
    site = start(app)
    with wire_to(site.balancer.port) as wire:
        yield Victim(screen, site, wire)


@pytest.mark.parametrize("app", ["counter.py"])
def test_counter(victim: Victim) -> None:
    screen = victim.screen
    screen.open(victim.wire.url, "Count: 0")
    screen.click("plus")
    screen.shows("Count: 1")
    for i, fault in enumerate((victim.hang, victim.terminate, victim.kill), start=1):
        fault()
        screen.click("plus")  # before the page knows
        screen.shows(f"Count: {2 * i}")
        screen.click("plus")
        screen.shows(f"Count: {2 * i + 1}")
        victim.noticed_nothing(fault.__name__)


@pytest.mark.parametrize("app", ["todo.py"])
def test_todo(victim: Victim) -> None:
    screen = victim.screen
    screen.open(victim.wire.url, "0 of 0 done")
    tasks = ["Buy milk", "Call home", "Read book"]
    for i, fault in enumerate((victim.hang, victim.terminate, victim.kill)):
        first, second = tasks[i].split()
        screen.write("What needs doing?", f"{first} ")
        fault()
        screen.page.keyboard.type(second)  # goes on typing: the focus is where it was
        screen.value("What needs doing?", tasks[i])
        screen.click("Add")
        screen.shows(f"{i} of {i + 1} done")
        screen.tick(tasks[i])
        screen.shows(f"{i + 1} of {i + 1} done")
        victim.noticed_nothing(fault.__name__)
    screen.click(f"Delete {tasks[0]}")
    screen.shows("2 of 2 done")
    for task in tasks[1:]:
        screen.checked(task, on=True)


@pytest.mark.parametrize("app", ["declarative_todo.py"])
def test_declarative_todo(victim: Victim) -> None:
    screen = victim.screen
    screen.open(victim.wire.url, "0 tasks")
    for i, fault in enumerate((victim.hang, victim.terminate, victim.kill)):
        screen.write("Task", f"Task {i}")
        fault()
        screen.click("Add")
        screen.shows(f"Task {i} is open", f"{i + 1} tasks")
        screen.tick(f"Task {i}")
        screen.shows(f"Task {i} is done")
        victim.noticed_nothing(fault.__name__)
    screen.click("Remove Task 1")
    screen.shows("Task 0 is done", "Task 2 is done", "2 tasks")
    screen.click("Filter: all")
    screen.shows("Filter: open", "2 tasks")
    screen.lacks("Task 0 is done")
