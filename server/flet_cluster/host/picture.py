"""What a session's keeper gets to see of it (layer 3; imports no Flet)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.host.background import BackgroundCall
    from flet_cluster.host.connection import ClientInfo
    from flet_cluster.host.hooks import Hooks
    from flet_cluster.host.inputs import Started
    from flet_cluster.host.messages import Delivery
    from flet_cluster.host.pubsub import Publication, Subscriptions
    from flet_cluster.host.sign_in import OwnEvent, SignIn
    from flet_cluster.host.variables import Variables
    from flet_cluster.model import MainState

T = TypeVar("T")


class Listener(Protocol):
    """Who keeps the session: told when there is something to commit. Called on the loop only."""

    def changed(self, urgent: bool) -> None:
        """State changed; ``urgent`` when output or an event's end waits for the commit."""

    def stage(self) -> None:
        """Take the snapshot now: a worker waits for it, or what comes next must not be in it."""

    async def holds(self) -> bool:
        """Ask the store whether the session is still this node's; if it is not, it is given up.

        Raises:
            StoreError: it does not answer.
        """

    @property
    def departing(self) -> bool:
        """Whether the session is to leave this node as soon as nothing of it runs."""

    def datagram(self, packet: bytes) -> None:
        """Raw channel bytes to send now."""


@dataclass(frozen=True, slots=True)
class Captured:
    """One consistent picture of a session.

    Attributes:
        graph: the snapshot, not yet sealed; empty when the session cannot travel.
        obstacle: why it cannot, with the path to the object; "" when it can.
        packets: output that this picture accounts for, in order.
        publications: messages to publish once the picture is committed.
        sign_ins: to be remembered before the picture is committed, and so before anything is shown.
        inbox: how far the entries of the session's inbox have come.
        hears: what it subscribes to, see :func:`flet_cluster.host.pubsub.key_of`.
        stream: how far the messages it hears have come.
        due: how many calls wait in it for their turn.
    """

    graph: bytes
    obstacle: str
    rx: int
    main: MainState
    running: tuple[Started, ...]
    packets: tuple[bytes, ...]
    publications: tuple[Publication, ...]
    sign_ins: tuple[SignIn, ...] = ()
    inbox: int = 0
    hears: frozenset[str] = frozenset()
    stream: int = 0
    due: int = 0


def drain(items: list[T]) -> list[T]:
    """Take all there is; other threads may append meanwhile."""
    taken = items[: len(items)]
    del items[: len(taken)]
    return taken


@dataclass(slots=True)
class Extra:
    """What travels besides Flet's session.

    Attributes:
        main: what is still to run, if it is not the program's own.
    """

    calls: list[BackgroundCall]
    subscriptions: Subscriptions
    client: ClientInfo
    events: list[OwnEvent]
    variables: Variables = ()
    deliveries: list[Delivery] = field(default_factory=list)
    main: Callable[..., Any] | None = None
    hooks: Hooks | None = None
