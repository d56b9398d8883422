"""Who lets go of how many users, from what all nodes say."""

from __future__ import annotations

import pytest

from flet_cluster import balance
from flet_cluster.model import NodeInfo


def node(name: str, connected: int, version: str = "v", *, draining: bool = False) -> NodeInfo:
    return NodeInfo(name, version, connected, draining, connected)


@pytest.mark.parametrize(
    ("connected", "expected"),
    [
        ([30, 0], [15, 0]),
        ([20, 20, 0], [6, 6, 0]),
        ([100, 95, 90], [0, 0, 0]),  # within the tolerance
        ([4, 0, 0], [0, 0, 0]),  # so few are not worth it
        ([50], [0]),  # nowhere to go
        ([0, 0], [0, 0]),
    ],
)
def test_the_surplus_over_a_fair_share(connected: list[int], expected: list[int]) -> None:
    nodes = [node(f"n{i}", count) for i, count in enumerate(connected)]
    assert [balance.surplus(one, nodes) for one in nodes] == expected


def test_letting_the_surplus_go_makes_it_level() -> None:
    nodes = [node("a", 70), node("b", 20), node("c", 0)]
    moved = balance.surplus(nodes[0], nodes)
    after = [node("a", 70 - moved), node("b", 20 + moved // 4), node("c", moved - moved // 4)]
    assert balance.surplus(after[0], after) == 0


def test_only_nodes_that_stay_and_run_the_same_code_count() -> None:
    me = node("me", 30)
    assert balance.surplus(me, [me, node("old", 0, "v0")]) == 0
    assert balance.surplus(me, [me, node("leaving", 0, draining=True)]) == 0
    assert balance.surplus(me, [me, node("old", 0, "v0"), node("free", 0)]) == 15


def test_what_a_node_knows_of_itself_is_newer_than_its_heartbeat() -> None:
    assert balance.surplus(node("me", 10), [node("me", 40), node("other", 10)]) == 0


def test_those_that_have_their_share_are_told() -> None:
    me = node("a", 60)
    others = [node("full", 20), node("free", 1), node("leaving", 90, draining=True)]
    assert balance.crowded(me, [me, *others]) == []
    assert balance.crowded(me, [me, node("full", 40), node("free", 1)]) == ["full"]
