"""Scripts of the apps made of components."""

from __future__ import annotations

from tests.scripts.basics import clicks
from tests.steps import Change, Click, Dismiss, Find, Hides, Route, Script, Shows

TASK = Find("Task", type="TextField")

SCRIPTS = (
    Script(
        "declarative_counter",
        clicks("More", "More", "Bigger steps", "Less", "Twice", "Bigger steps", *["Less"] * 4),
        (Shows("Count -2, step 4"), Shows("Negative!")),
    ),
    Script(
        "declarative_todo",
        (
            Change(TASK, "milk"),
            Click("Add"),
            Change(TASK, "bread"),
            Click("Add"),
            Change(TASK, "eggs"),
            Click("Add"),
            Change(Find("milk", type="Checkbox"), True),
            Click("Filter: all"),
            Click("Remove bread"),
            Click("Filter: open"),
            Change(Find("eggs", type="Checkbox"), True),
            Change(Find("milk", type="Checkbox"), False),
        ),
        (Shows("2 tasks"), Shows("milk is open"), Shows("eggs is done"), Hides("Remove bread")),
    ),
    Script(
        "declarative_board",
        (
            Click(Find(key="vote")),
            Click("Bob"),
            *(Click(Find(key="vote")),) * 2,
            *clicks("Note", "Note", "Ada", "Forget", "Sort", "Note", "Cyd"),
            Click(Find(key="vote")),
        ),
        (Shows("Bob: 2"), Shows("Cyd: 1"), Hides("Ada: 1"), Shows("note 3")),
    ),
    Script(
        "declarative_effects",
        (
            *clicks("Sports", "News"),
            Click(Find(key="toggle")),
            Click("Sports"),
            Click(Find(key="toggle")),
            *clicks("Journal", "News", "Journal"),
        ),
        (Shows("watching news"), Shows("loaded news")),
    ),
    Script(
        "declarative_hooks",
        clicks("More", "Noise", "Toggle theme", "More", "Noise", "Toggle theme", "Toggle theme", "More"),
        (Shows("sum 140"), Shows("computed for [5, 6, 7, 8], noise 2"), Shows("two (dark)")),
    ),
    Script(
        "declarative_keys",
        clicks("open b", "b0 0", "b0 1", "b1 0", "Reverse", "open c", "c1 0", "Drop first", "Add", "Reverse"),
        (Shows("c-a-b"), Shows("b0 2"), Shows("b1 1"), Shows("close b")),
    ),
    Script(
        "declarative_router",
        (
            *clicks("Go notes", "Call Bob", "Star", "Sure", "Star"),
            Dismiss(Find(type="AlertDialog")),
            Route("/notes/1"),
            *clicks("Star", "Sure", "Go home"),
            Route("/notes"),
            Click("Buy milk"),
        ),
        (Shows("Note 1: Buy milk "), Hides("Star it?")),
    ),
)
