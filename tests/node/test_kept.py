"""What of a session outlives a change of the app's code: each value of its store for itself."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from flet.auth import User
from tests.node.desk import desk
from tests.steps import Click

from flet_cluster import snapshot
from flet_cluster.auth import OpenIDProvider
from flet_cluster.errors import SnapshotError
from flet_cluster.host import kept
from flet_cluster.host.authorization import ClusterAuthorization
from flet_cluster.host.kept import Keeper, Kept, split, wrap

if TYPE_CHECKING:
    from flet_cluster.host.live import LiveSession


@dataclass
class Point:
    x: int


VALUES: dict[str, Any] = {
    "text": "ä",
    "number": 12.5,
    "nested": {"a": [1, None, {"b": b"bytes"}], 3: True},
    "pair": (1, 2),
    "set": {1, 2},
    "huge": 1 << 80,
    "point": Point(3),
    "shared": [Point(1)] * 2,
}


def write(live: LiveSession, keeper: Keeper | None = None) -> bytes:
    return (keeper or Keeper()).write(live.session, live.host, live.externals)


def read(live: LiveSession, data: bytes) -> Kept:
    return Kept.read(data, live.id, live.host, live.externals)


async def test_values_come_back_as_they_were() -> None:
    async with desk() as work:
        live = work.seat.wake()
        for key, value in VALUES.items():
            live.session.store.set(key, value)
        found = read(live, write(live))
        assert found.store == VALUES
        assert type(found.store["pair"]) is tuple
        assert found.store["shared"][0] is found.store["shared"][1]
        assert (found.dropped, found.auth) == ([], None)


async def test_a_sign_in_comes_back_too() -> None:
    provider = OpenIDProvider(issuer="https://issuer.test", client_id="id", redirect_url="https://app.test/")
    async with desk() as work:
        live = work.seat.wake()
        auth = ClusterAuthorization(live, provider)
        auth.user, auth.state = User({"name": "Ada"}, "ada"), "a state"
        live.page._Page__authorization = auth
        live.session.store.set("second", auth)
        found = read(live, write(live))
        assert found.dropped == []
        assert (found.auth.user["name"], found.auth.state) == ("Ada", "a state")
        assert found.auth.provider.issuer == "https://issuer.test"
        assert found.store["second"].user.id == "ada"


async def test_what_cannot_travel_alone_is_left_and_named_and_looked_at_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0
    stock = snapshot.capture

    def counted(*args: Any) -> bytes:
        nonlocal tries
        tries += 1
        return stock(*args)

    monkeypatch.setattr(kept, "capture", counted)
    async with desk() as work:
        live, keeper = work.seat.wake(), Keeper()
        live.session.store.set("page", live.page)
        live.session.store.set("good", "kept")
        live.session.store.set("big", "x" * kept.MAX_VALUE)
        data = write(live, keeper)
        assert write(live, keeper) == data
        assert tries == 1
        live.session.store.set("other", live.page)
        with caplog.at_level(logging.WARNING):
            found = read(live, write(live, keeper))
        assert (found.store, found.dropped) == ({"good": "kept"}, ["page", "big", "other"])
        assert tries == 2
        assert "page.session.store['page'] is dropped" in caplog.text


async def test_it_is_in_every_commit_and_the_graph_behind_it_is_untouched() -> None:
    async with desk() as work:
        work.seat.wake().session.store.set("cart", ["apple"])
        work.do(Click("plus"))
        await work.settle()
        commit = work.seat.committed
        assert commit is not None
        data, graph = split(work.node.vault.graph(work.seat.id, commit))
        assert graph.startswith(b"fcs1")
        assert read(work.seat.wake(), data).store == {"cart": ["apple"]}


def test_a_snapshot_of_an_earlier_release_has_nothing_in_front() -> None:
    assert split(b"fcs1...") == (b"", b"fcs1...")
    assert split(wrap(b"kept", b"fcs1...")) == (b"kept", b"fcs1...")


async def test_damaged_data_is_refused() -> None:
    async with desk() as work:
        with pytest.raises(SnapshotError, match="cannot be read"):
            read(work.seat.wake(), b"\xc1")
