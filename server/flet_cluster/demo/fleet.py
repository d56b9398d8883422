"""The demo's cluster: starts its parts, and does to its nodes what the user wants (layer 5)."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flet_cluster.demo.balancer import Balancer
from flet_cluster.demo.bucket import Bucket
from flet_cluster.demo.child import Child
from flet_cluster.demo.member import START_SECONDS, Member, Phase
from flet_cluster.embedded import EmbeddedServer, free_port
from flet_cluster.errors import ClusterError, SettingsError
from flet_cluster.temporary import HeldFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from flet_cluster.demo.parts import Parts

MOST = 9
"""Nodes at a time: each is a key."""
APP_NAME = "demo"
_LAUNCHER = (sys.executable, "-P", "-m", "flet_cluster.cli")
_NOT_TAKEN_ON = (
    *("FLET_CLUSTER_UDS_PATH", "FLET_SERVER_UDS_PATH", "FLET_CLUSTER_SSL_CERTFILE"),
    *("FLET_CLUSTER_UPLOAD_DIR", "FLET_UPLOAD_DIR", "AWS_SESSION_TOKEN"),
)
"""Variables of the user's that would lead nodes elsewhere."""
_NOTICED_SECONDS = 3.0
"""How long the balancer still leads to a node that was killed, as one does that has to find out by itself."""
_AWAY_SECONDS = 0.3
"""How long it takes until it leads nobody to a node that is to leave."""
_DRAIN_SECONDS = 45.0


class Fleet:
    """Valkey, an S3 server, a load balancer and nodes.

    Args:
        parts: their programs.
        target: the app; see :mod:`flet_cluster.host.program`.
        say: is told what happens, a line at a time.
        port: of the load balancer; 0: a free one.

    Attributes:
        members: nodes that have not ended, by number.
        secret_key: that of the nodes.
    """

    def __init__(self, parts: Parts, target: str, say: Callable[[str], None], port: int = 0) -> None:
        self._held = HeldFolder("flet-cluster-demo-")
        self._target = target
        self._say = say
        self._valkey = EmbeddedServer(unix=True, binary=parts.valkey)
        self._balancer = Balancer(parts.traefik, self._new_folder("balancer"), port)
        self._bucket = Bucket(parts.weed, self._new_folder("bucket")) if parts.weed else None
        self._tasks: set[asyncio.Task[None]] = set()
        self._taken: set[int] = set()
        self._last_number = 0
        self.members: dict[int, Member] = {}
        self.secret_key = secrets.token_urlsafe(32)

    @property
    def url(self) -> str:
        """The app's address."""
        return self._balancer.url

    @property
    def redis_url(self) -> str:
        """Where sessions are."""
        return self._valkey.url

    async def start(self, count: int) -> None:
        """Start it with so many nodes; returns when all of them serve.

        Raises:
            ClusterError: something does not start; says why.
        """
        self._valkey.start()
        self._say("Valkey runs; starting the rest")
        await self._balancer.start()
        if self._bucket is not None:
            origin = self.url.rstrip("/")
            await self._bucket.start([origin, origin.replace("127.0.0.1", "localhost")], _LAUNCHER)
        for member in [await self._spawn(self._next_number()) for _ in range(count)]:
            await self._until_serving(member)
        self._lead()
        await self._balancer.until_it_leads_somewhere()

    async def stop(self) -> None:
        """End everything and remove its files. Harmless when repeated."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for member in self.members.values():
            member.kill()
        await asyncio.gather(*(member.child.process.wait() for member in self.members.values()))
        await self._balancer.stop()
        if self._bucket is not None:
            await self._bucket.stop()
        self._valkey.stop()
        self._held.remove()

    # -- what the user wants ----------------------------------------------------------------------

    def member(self, number: int) -> Member:
        """Return a node that runs. Raises SettingsError: there is none of that number."""
        member = self.members.get(number)
        if member is None or not member.lives:
            there = ", ".join(str(other) for other, found in sorted(self.members.items()) if found.lives)
            raise SettingsError(f"there is no node {number}; there are {there or 'none'}")
        return member

    def add(self) -> None:
        """Start another node.

        Raises:
            SettingsError: there are as many as can be.
        """
        self._launch(self._added(self._next_number()))

    def kill(self, number: int) -> None:
        """End a node as a power cut would. Raises SettingsError: there is none of that number."""
        self.member(number).kill()

    def drain(self, number: int) -> None:
        """Have a node hand over its sessions and leave. Raises SettingsError: there is no such node."""
        member = self.member(number)
        if member.phase is not Phase.DRAINING:
            member.phase = Phase.DRAINING
            self._lead()
            self._launch(self._drained(member))

    # -- nodes ------------------------------------------------------------------------------------

    def _next_number(self) -> int:
        """Return a number that no node has, if possible one that none has had."""
        last = self._last_number
        free = [number for number in range(1, MOST + 1) if number not in self._taken]
        if not free:
            raise SettingsError(f"there are {MOST} nodes already: kill or drain one first")
        self._last_number = next((number for number in free if number > last), free[0])
        self._taken.add(self._last_number)
        return self._last_number

    async def _spawn(self, number: int) -> Member:
        port = free_port()
        command = [*_LAUNCHER, "run", self._target]
        folder = self._new_folder(f"node{number}")
        env = self._env(number, port)
        # In the user's directory, as with ``run``: there are named modules, and files that apps open.
        child = await Child.start(f"node {number}", command, folder, env, cwd=Path.cwd())
        member = self.members[number] = Member(number, port, child)
        self._launch(self._watch(member))
        return member

    def _env(self, number: int, port: int) -> Mapping[str, str]:
        """Return what a node is told; the user's own variables hold where these say nothing."""
        return {
            **dict.fromkeys(_NOT_TAKEN_ON, ""),
            **(self._bucket.env if self._bucket else {}),
            "DEMO_NODE": f"node {number}",
            "FLET_CLUSTER_REDIS_URL": self.redis_url,
            "FLET_CLUSTER_APP_NAME": APP_NAME,
            "FLET_CLUSTER_SECRET_KEY": self.secret_key,
            "FLET_CLUSTER_HOST": "127.0.0.1",
            "FLET_CLUSTER_PORT": str(port),
            "FLET_CLUSTER_WORKERS": "1",
            "FLET_CLUSTER_RELOAD": "false",
            "FLET_CLUSTER_OPEN_BROWSER": "false",
            "FLET_CLUSTER_MANAGEMENT_PORT": "off",
            "FLET_CLUSTER_STORE_WARNINGS": "false",
        }

    async def _until_serving(self, member: Member) -> None:
        await member.child.until(member.serves, START_SECONDS)
        if member.phase is Phase.STARTING:
            member.phase = Phase.SERVING
            self._say(f"node {member.number} serves (pid {member.pid})")

    async def _added(self, number: int) -> None:
        member = await self._spawn(number)
        try:
            await self._until_serving(member)
        except ClusterError as error:
            if member.phase in {Phase.STARTING, Phase.ENDED}:
                member.child.signal(signal.SIGKILL)
                self._say(str(error))
        else:
            self._lead()

    async def _drained(self, member: Member) -> None:
        await asyncio.sleep(_AWAY_SECONDS)
        began = asyncio.get_running_loop().time()
        member.drain()
        await member.child.stop(_DRAIN_SECONDS)
        self._say(f"node {member.number} has left after {asyncio.get_running_loop().time() - began:.1f} s")

    async def _watch(self, member: Member) -> None:
        """Wait until a node has ended, and take it out of the balancer."""
        await member.child.process.wait()
        if member.phase is Phase.KILLED:
            await asyncio.sleep(_NOTICED_SECONDS)
        elif member.phase is Phase.SERVING:
            self._say(f"node {member.number} {member.child.end()}: {member.child.last_words()[-300:]}")
        member.phase = Phase.ENDED
        del self.members[member.number]
        self._taken.discard(member.number)
        self._lead()

    def _lead(self) -> None:
        """Tell the balancer which nodes there are; those that were killed it has to notice."""
        there = [m.port for m in self.members.values() if m.phase in {Phase.SERVING, Phase.KILLED}]
        self._balancer.lead_to(there)

    def _new_folder(self, name: str) -> Path:
        folder = self._held.path / name
        folder.mkdir(exist_ok=True)
        return folder

    def _launch(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
