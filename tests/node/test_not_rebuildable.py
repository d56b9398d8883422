"""A session that holds what cannot be rebuilt keeps to its node, says so once, and goes on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import flet as ft
from tests.node.desk import desk
from tests.steps import Click

if TYPE_CHECKING:
    import pytest


class Font:
    """Remembers a file that nobody has."""

    def __setstate__(self, state: Any) -> None:
        raise OSError("cannot open resource")


class Closing:
    """Would close what it shares with the copy."""

    closed = 0

    def __del__(self) -> None:
        Closing.closed += 1


def main(page: ft.Page) -> None:
    label = ft.Text("Count: 0")
    held: list[object] = [Closing()]

    def take(_: Any) -> None:
        held.append(Font())
        label.value = f"Count: {len(held)}"

    def drop(_: Any) -> None:
        del held[1:]
        label.value = "Count: none"

    page.add(label, ft.Button("take", on_click=take), ft.Button("drop", on_click=drop))


async def test_it_is_named_once_and_the_session_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tests.node.desk.main", main)
    async with desk() as work:
        assert work.seat.portable
        with caplog.at_level(logging.WARNING):
            for number in (2, 3):
                work.do(Click("take"))
                await work.settle()
                assert work.shows(f"Count: {number}")
                assert not work.seat.portable
        said = [r.message for r in caplog.records if "will not survive this node" in r.message]
        assert len(said) == 1
        assert "closure 'held'[1] → test_not_rebuildable.Font: it can be taken apart" in said[0]
        assert "OSError: cannot open resource" in said[0]
        work.do(Click("drop"))
        await work.settle()
        assert work.seat.portable
        assert Closing.closed == 0
