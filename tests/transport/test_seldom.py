"""What is repeated is said once in a while."""

from __future__ import annotations

from flet_cluster.transport.seldom import Seldom


def test_each_thing_is_said_once_in_its_time() -> None:
    seldom = Seldom(60, 10)
    said = [seldom.due(thing, now) for thing, now in [("a", 0), ("a", 59), ("b", 59), ("a", 60), ("a", 61)]]
    assert said == [True, False, True, True, False]


def test_things_that_are_made_up_do_not_fill_the_log_or_the_memory() -> None:
    seldom = Seldom(60, 3)
    assert sum(seldom.due(str(number), number / 100) for number in range(1000)) == 3
    assert seldom.due("later", 100), "there is room again"
