"""Any interleaving of nodes, pauses, losses and late writes keeps the invariants, in memory and on a server.

``TEST_EXAMPLES=2000 TEST_STEPS=150`` makes a soak of it.
"""

# ruff: noqa: ASYNC109 - `timeout` is the session's timeout, not the call's
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.soak import EXAMPLES, STEPS
from tests.stores.parallel import ParallelStores
from tests.stores.simulation import Simulation

from flet_cluster.model import Commit, Held, Lease, Record
from flet_cluster.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flet_cluster.facts import Note


def simulate(stores: Callable[[], ParallelStores], examples: int, **options: Any) -> None:
    run_state_machine_as_test(
        cast("Any", lambda: Simulation(stores())),
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            **options,
        ),
    )


@pytest.mark.timeout(0)
def test_histories_in_memory() -> None:
    simulate(ParallelStores, EXAMPLES * 5)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", ["valkey", "redis7"])
def test_the_same_histories_on_a_server_and_in_memory(kind: str, server_url: Callable[[str], str]) -> None:
    url = server_url(kind)
    simulate(lambda: ParallelStores(url), EXAMPLES)


class UnfencedCommit(MemoryStore):
    """Writes whoever asks."""

    async def commit(self, lease: Lease, commit: Commit, timeout: float) -> None:
        self._refuse_deleted(lease.session_id)
        self._write(replace(self._not_lost(lease), commit=commit), timeout)


class UnfencedRelease(MemoryStore):
    """Lets anybody give a session up."""

    async def release(self, lease: Lease, timeout: float, notes: Sequence[Note] = ()) -> bool:
        record = await self.peek(lease.session_id)
        return await super().release(record.lease if record else lease, timeout, notes)


class UnfencedDelete(MemoryStore):
    """Lets anybody delete a session."""

    async def delete(self, lease: Lease, reason: str = "") -> bool:
        record = await self.peek(lease.session_id)
        await super().delete(record.lease if record else lease, reason)
        return False


class StillEpoch(MemoryStore):
    """Takes without raising the epoch."""

    async def acquire(self, session_id: str, owner: str, timeout: float, **options: Any) -> Record | Held:
        answer = await super().acquire(session_id, owner, timeout, **options)
        if isinstance(answer, Record):
            return self._write(replace(answer, epoch=answer.epoch - 1), timeout)
        return answer


class EasySeizure(MemoryStore):
    """Gives a session to whoever wants it by force, whatever lease that one has in mind."""

    async def acquire(self, session_id: str, owner: str, timeout: float, **options: Any) -> Record | Held:
        record = await self.peek(session_id)
        if options.get("seize") and record:
            self._write(replace(record, owner=""), timeout)
            answer = await super().acquire(session_id, owner, timeout)
            assert isinstance(answer, Record)
            return self._write(replace(answer, epoch=record.epoch), timeout)
        return await super().acquire(session_id, owner, timeout, **options)


class NoTombstone(MemoryStore):
    """Forgets what it deleted."""

    async def delete(self, lease: Lease, reason: str = "") -> bool:
        deleted = await super().delete(lease, reason)
        self._data.tombstones.clear()
        return deleted


class LastRefillWins(MemoryStore):
    """Takes whatever is written back last."""

    async def refill(self, record: Record, timeout: float) -> bool:
        self._refuse_deleted(record.session_id)
        self._write(record, timeout)
        return True


class BlindRepetition(MemoryStore):
    """Acknowledges a commit it does not have."""

    async def commit(self, lease: Lease, commit: Commit, timeout: float) -> None:
        record = await self.peek(lease.session_id)
        if record is None or record.commit.n + 1 < commit.n:
            return
        await super().commit(lease, commit, timeout)


BROKEN = [
    UnfencedCommit,
    UnfencedRelease,
    UnfencedDelete,
    StillEpoch,
    EasySeizure,
    NoTombstone,
    LastRefillWins,
    BlindRepetition,
]


@pytest.mark.timeout(0)
@pytest.mark.parametrize("broken", BROKEN, ids=lambda kind: kind.__name__)
def test_the_simulation_finds_a_store_that_breaks_a_rule(broken: type[MemoryStore]) -> None:
    with pytest.raises(AssertionError):
        simulate(
            lambda: ParallelStores(memory=broken),
            400,
            phases=[Phase.generate],
            database=None,
            derandomize=True,
        )
