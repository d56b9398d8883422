"""What all sessions of a process share (layer 3: may import Flet)."""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flet_cluster.events import FaultPoints, NullObserver, Observer
from flet_cluster.host.fence import SignOfLife
from flet_cluster.protocol.limits import Limits

if TYPE_CHECKING:
    import asyncio
    import concurrent.futures

    from flet_cluster.blobs.links import UploadLinks
    from flet_cluster.host.lane import LanePool
    from flet_cluster.host.program import Program
    from flet_cluster.oauth.provider import Providers
    from flet_cluster.snapshot import CodeIndex, Portables

Once = Callable[[str, Callable[[], Awaitable[dict[str, Any]]]], Awaitable[dict[str, Any]]]


async def unsafe(_name: str, work: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """Do it, without asking other nodes: for a host that belongs to none."""
    return await work()


@dataclass(slots=True)
class HostEnvironment:
    """The app, the loop, the workers and the rules of portability.

    Attributes:
        lanes: worker threads for sync handlers.
        executor: threads for ``page.run_thread`` and ``page.executor``.
        context: the variables that the app set where it was loaded; each handler starts from a copy.
        in_threads: whether sync handlers run in ``lanes``; else they run on the loop, as in stock Flet.
        uploads: makes the URLs of ``page.get_upload_url``; None if the app keeps no uploads.
        eager: whether a handler (its code object) gets a snapshot at each update; see there.
        life: until when others are bound to believe that this node lives.
        closing: what closes resources of sessions that have left.
        oauth_seconds: how long an identity provider may take to answer.
        once: does with a provider what must not be done twice, by any node; set by the node.
        providers: what is known of identity providers; None before somebody signs in.
        node_id: the node's id, for log lines; set by the node.
    """

    program: Program
    loop: asyncio.AbstractEventLoop
    lanes: LanePool
    executor: concurrent.futures.ThreadPoolExecutor
    code: CodeIndex
    portables: Portables
    observer: Observer = field(default_factory=NullObserver)
    faults: FaultPoints = field(default_factory=FaultPoints)
    limits: Limits = field(default_factory=Limits)
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    in_threads: bool = True
    uploads: UploadLinks | None = None
    eager: dict[Any, bool] = field(default_factory=dict)
    life: SignOfLife = field(default_factory=SignOfLife)
    closing: set[asyncio.Task[None]] = field(default_factory=set)
    oauth_seconds: float = 10.0
    once: Once = unsafe
    providers: Providers | None = None
    node_id: str = ""
