"""Browsers that come back at an inconvenient moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cluster.tools import PROBE, Place, eventually, seconds
from tests.fleet import fleet
from tests.node.desk import INSTANCE, Wire, desk
from tests.shell.running import SLOWNESS
from tests.steps import Click
from tests.tab import open_tab

from flet_cluster.protocol.close import CloseCode
from flet_cluster.protocol.frames import Hello
from flet_cluster.protocol.limits import Limits
from flet_cluster.protocol.outbox import Outbox

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_page_that_is_about_to_be_sent_whole_may_come_back_once_more() -> None:
    async with desk() as work:
        seat, seen = work.seat, work.wire.frames[-1]
        small = Outbox(Limits(max_tail_frames=1))
        small.restart(seat.showing.outbox.tx)
        seat.showing.outbox = small
        seat.detach(work.wire, for_good=False)
        for _ in range(3):  # output that the browser misses, and that is not kept
            work.do(Click("plus"))
            await work.until(lambda: seat.committer.idle and seat.showing.durable[0] == work.sent)
        work.store.gate.clear()
        tried = len(work.store.attempts)
        work.do(Click("plus"))
        await work.until(lambda: len(work.store.attempts) > tried)
        hello = Hello("token", INSTANCE, seen, seat.showing.durable[0])
        resumed, _ = seat.resume(hello)
        assert not resumed
        told = seat.showing.outbox.tx
        assert told > seat.showing.durable[1], "the number it is told is not committed yet"
        assert not seat.is_behind(hello), "or the session would be thrown away here, and reset"
        assert seat.resume(hello) == (False, []), "the page has not come: it is still needed"
        assert seat.showing.outbox.tx == told
        fresh = Wire()
        seat.attach(fresh, INSTANCE)
        work.store.gate.set()
        await work.until(lambda: fresh.frames)
        assert fresh.frames[0] == told + 1


async def test_a_takeover_may_last_longer_than_a_hello(valkey: str, tmp_path: Path) -> None:
    options = {
        "FLET_CLUSTER_HANDSHAKE_TIMEOUT": seconds(0.4),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(2),
        "MARKS": str(tmp_path / "marks"),
    }
    with fleet(PROBE, valkey, 2, **options) as nodes:
        holder, other = nodes.nodes
        place = Place(holder)
        async with open_tab(place) as tab:
            place.move(other)
            holder.pause()
            await tab.cut()
            await eventually(lambda: tab.node == other.node_id, "the session moves", 15 * SLOWNESS)
            assert CloseCode.HANDSHAKE_TIMEOUT not in tab.closes
        assert "Traceback" not in other.log.read_text()
