"""What operators' commands print of words that clients, apps and nodes have chosen."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from flet_cluster.cli import tables
from flet_cluster.facts import LifeEvent
from flet_cluster.inspection import Look, NodeFacts, SessionDetail, SessionFacts, State
from flet_cluster.model import NodeInfo


def printed(word: str) -> str:
    """What ``session show`` prints on a terminal for a session of whom all that is said is this."""
    facts = SessionFacts(
        "s", State.ASLEEP, "n", 1, 1.0, 1.0, 9.0, 2, "", "done", 1, "v", word, 0, False, False
    )
    detail = SessionDetail("s", facts, (LifeEvent(1.0, "not-portable", "n", word),), 2.0)
    console = Console(file=io.StringIO(), force_terminal=True, highlight=False, width=200)
    for part in tables.of_detail(detail, Look(True, True, word, word, word)):
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    "word", ["a list[int] of things", "[/bold]", "[link=http://evil.example]here[/link]"]
)
def test_brackets_are_brackets(word: str) -> None:
    text = printed(word)
    assert text.count(word) == 5
    assert "\x1b]8" not in text, "there is no link"


def test_nothing_is_cut_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    host, socket = "web-" + "0" * 59 + ".cluster", "/run/" + "long/" * 18 + "app.sock"
    info = NodeInfo("n-0123456789ab", "v" * 12, extra={"host": host, "address": socket, "package": "1"})
    tables.show(tables.of_nodes([NodeFacts.of(info)], 0.0))
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split()[:4] == ["n-0123456789ab", host, socket, "v" * 12]


def test_any_terminal_can_write_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a node that says nothing, nothing is known."""
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, "ascii", write_through=True))
    tables.show(tables.of_nodes([NodeFacts.of(NodeInfo("n-0123456789ab", "v" * 12))], 0.0))
    assert b"n-0123456789ab" in raw.getvalue()


@pytest.mark.parametrize("order", ["\x1b[2J", "\x1b]0;title\x07", "\x9b2J", "\u202e", "\r"])
def test_a_terminal_gets_no_orders(order: str) -> None:
    text = printed(f"Mozilla{order}5.0")
    assert order not in text
    assert "Mozilla\ufffd" in text
