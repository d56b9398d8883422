"""Many commands, few round trips (layer 2).

A single command costs five times as much of the event loop as one of many in a pipeline. All
calls made in the same step of the loop therefore travel together in one pipeline (no transaction: each script
is atomic by itself). At most ``flights`` pipelines are under way; what arrives meanwhile gathers for the
next.

A command that fails for a reason that may go away is repeated with backoff until its patience ends. Commands
must bear repetition: one whose reply was lost is sent again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from redis.exceptions import NoScriptError, ResponseError

from flet_cluster.errors import StoreError, StoreRefuses, StoreUnavailable
from flet_cluster.events import NullObserver
from flet_cluster.stores.connect import backoff, is_transient
from flet_cluster.stores.trouble import trouble_of
from flet_cluster.stores.wire import pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flet_cluster.events import Observer
    from flet_cluster.stores.scripts import Script
    from flet_cluster.stores.wire import Value, Wire

MOST_BYTES: Final = 1_000_000
"""A batch that has grown so long takes no more commands: others need not wait for its transfer."""


@dataclass(slots=True, eq=False)
class _Call:
    """A command on its way."""

    args: tuple[Value, ...]
    packed: bytes
    key: str
    reply: asyncio.Future[Any]
    give_up_at: float
    script: Script | None = None
    failures: int = 0

    @property
    def operation(self) -> str:
        """What it is for, for people: a script's name, or the command."""
        return self.script.name if self.script else str(self.args[0]).lower()


class Batcher:
    """Sends commands and scripts, batched, with bounded patience.

    Args:
        wire: closed by :meth:`stop`.
        patience: seconds after which a command that cannot be sent raises :class:`StoreUnavailable`.
        size: most commands in one pipeline.
        flights: most pipelines under way.
        observer: counts what goes wrong.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        patience: float,
        size: int = 128,
        flights: int = 4,
        observer: Observer | None = None,
    ) -> None:
        self.wire = wire
        self._observer = observer or NullObserver()
        self._patience = patience
        self._size = size
        self._free_flights = flights
        self._queue: deque[_Call] = deque()
        self._unanswered: set[_Call] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._backoff = backoff()
        self._scheduled = False
        self._stopped = False
        self._looked_around_at = 0.0

    async def command(self, name: str, key: str, *args: Value) -> Any:
        """Send one command and return its reply."""
        return await self._submit((name, key, *args), key, None)

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Value] = ()) -> list[Any]:
        """Run a script; all ``keys`` are in one slot. Returns its reply, always an array."""
        reply = await self._submit(("EVALSHA", script.sha, len(keys), *keys, *args), keys[0], script)
        return cast("list[Any]", reply)

    async def stop(self) -> None:
        """Fail what waits, let pipelines land, close the client."""
        self._stopped = True
        for call in list(self._unanswered):
            self._fail(call, StoreUnavailable("the store was stopped"))
        self._queue.clear()  # a pipeline that takes off from here on would open a connection for good
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.wire.close()

    def _submit(self, args: tuple[Value, ...], key: str, script: Script | None) -> asyncio.Future[Any]:
        if self._stopped:
            raise StoreUnavailable("the store is stopped")
        loop = asyncio.get_running_loop()
        call = _Call(args, pack(args), key, loop.create_future(), loop.time() + self._patience, script)
        self._unanswered.add(call)
        self._enqueue(call)
        return call.reply

    def _enqueue(self, call: _Call) -> None:
        if call.reply.done():
            self._unanswered.discard(call)
            return
        self._queue.append(call)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._take_off)

    def _take_off(self) -> None:
        self._scheduled = False
        while self._queue and self._free_flights:
            batch = self._next_batch()
            self._free_flights -= 1
            task = asyncio.get_running_loop().create_task(self._fly(batch))
            self._tasks.add(task)
            task.add_done_callback(self._landed)

    def _next_batch(self) -> list[_Call]:
        batch: list[_Call] = []
        length = 0
        while self._queue and len(batch) < self._size and length < MOST_BYTES:
            call = self._queue.popleft()
            length += len(call.packed)
            batch.append(call)
        return batch

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._free_flights += 1
        self._take_off()

    async def _fly(self, batch: list[_Call]) -> None:
        started = asyncio.get_running_loop().time()
        replies = await self._execute(batch)
        unknown = [call for call, reply in zip(batch, replies, strict=True) if _forgot_script(call, reply)]
        if unknown:
            # The server has restarted or is a new primary: EVAL teaches it the script again.
            for call in unknown:
                assert call.script is not None
                call.args = ("EVAL", call.script.source, *call.args[2:])
                call.packed = pack(call.args)
            again = dict(zip(unknown, await self._execute(unknown), strict=True))
            replies = [again.get(call, reply) for call, reply in zip(batch, replies, strict=True)]
        for call, reply in zip(batch, replies, strict=True):
            self._answer(call, reply)
        if any(isinstance(reply, BaseException) and is_transient(reply) for reply in replies):
            await self._look_around(started)

    async def _execute(self, batch: list[_Call]) -> list[Any]:
        try:
            return await self.wire.exchange(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, every caller must hear of it
            return [error] * len(batch)

    def _answer(self, call: _Call, reply: Any) -> None:
        if not isinstance(reply, BaseException):
            self._unanswered.discard(call)
            if not call.reply.done():
                call.reply.set_result(reply)
        elif is_transient(reply):
            self._count(call, "refused" if isinstance(reply, ResponseError) else "unreachable")
            self._repeat(call, reply)
        else:
            self._count(call, "refused")
            self._fail(call, _refusal(reply))

    def _count(self, call: _Call, kind: str) -> None:
        self._observer.count("redis_errors", operation=call.operation, kind=kind)

    def _repeat(self, call: _Call, error: BaseException) -> None:
        """Queue a call again after a while. Its flight is free meanwhile: other shards may be well."""
        call.failures += 1
        loop = asyncio.get_running_loop()
        delay = self._backoff.compute(call.failures)
        if loop.time() + delay > call.give_up_at:
            self._count(call, "given_up")
            self._fail(call, _no_answer(error, self._patience))
        else:
            loop.call_later(delay, self._enqueue, call)

    def _fail(self, call: _Call, error: StoreError) -> None:
        self._unanswered.discard(call)
        if not call.reply.done():
            call.reply.set_exception(error)

    async def _look_around(self, started: float) -> None:
        """Look for a new topology, once for all flights that met the same trouble."""
        if started >= self._looked_around_at:
            self._looked_around_at = asyncio.get_running_loop().time()
            await self.wire.look_around()


def _forgot_script(call: _Call, reply: Any) -> bool:
    return isinstance(reply, NoScriptError) and call.script is not None


def _refusal(error: BaseException) -> StoreError:
    """Say that a command was refused, and that it always will be."""
    trouble = trouble_of(error)
    if trouble is None:
        refusal = StoreError(f"the store refused a command: {type(error).__name__}: {error}")
    else:
        refusal = StoreRefuses(f"the store {trouble.sentence}")
    refusal.__cause__ = error
    return refusal


def _no_answer(error: BaseException, patience: float) -> StoreUnavailable:
    """Say why a command was given up after a while."""
    trouble = trouble_of(error)
    reason = f"it {trouble.sentence}" if trouble else f"{type(error).__name__}: {error}"
    failure = StoreUnavailable(f"no answer from the store for {patience:g} s ({reason})")
    failure.__cause__ = error
    return failure
