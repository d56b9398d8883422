"""Scripts of the apps that use Flet the way its tutorials do."""

from __future__ import annotations

from tests.steps import Back as ViewBack
from tests.steps import (
    Called,
    Change,
    Click,
    Dismiss,
    Event,
    Find,
    Hides,
    Holds,
    Route,
    Script,
    Shows,
    Submit,
)

NEW_TASK = Find("What needs doing?", type="TextField")


def presses(keys: str) -> tuple[Click, ...]:
    """One click for each character."""
    return tuple(Click(key) for key in keys)


def cells(*numbers: int) -> tuple[Click, ...]:
    """Clicks on the fields of the tic-tac-toe board."""
    return tuple(Click(Find(key=f"cell{n}")) for n in numbers)


def clicks(*names: str) -> tuple[Click, ...]:
    """One click for each name."""
    return tuple(Click(name) for name in names)


SCRIPTS = (
    Script(
        "counter",
        (*clicks("plus", "plus", "plus", "minus", "Reset", "minus", "minus", "plus"), *clicks("plus") * 3),
        (Shows("Count: 2"), Holds(Find("Count: 2"), "color", None)),
    ),
    Script(
        "todo",
        (
            Click("Add"),
            Change(NEW_TASK, "milk"),
            Click("Add"),
            Change(NEW_TASK, "bread"),
            Submit(NEW_TASK),
            Change(NEW_TASK, "eggs"),
            Submit(NEW_TASK),
            Change(Find("bread", type="Checkbox"), True),
            Change(Find("Only open"), True),
            Click("Delete milk"),
            Change(Find("Only open"), False),
            Change(Find("bread", type="Checkbox"), False),
        ),
        (Shows("0 of 2 done"), Shows("bread"), Hides("milk"), Holds(NEW_TASK, "value", "")),
    ),
    Script(
        "calculator",
        (*presses("12+3.5="), *presses("*4="), *presses("/0="), *presses("C7-9=")),
        (Holds(Find(key="result"), "value", "-2"),),
    ),
    Script(
        "tic_tac_toe",
        (*cells(0, 0, 3, 1, 4, 2, 5, 8), Click("Again"), *cells(4, 0, 2, 1, 6)),
        (Shows("X wins"), Shows("X 2 : 0 O")),
    ),
    Script(
        "generators",
        clicks("Download", "Scan", "Countdown", "Download", "Scan", "Download", "Countdown", "Download"),
        (Shows("done: [1, 2, 3, 4]"), Holds(Find(type="ProgressBar"), "value", 1)),
    ),
    Script(
        "async_handlers",
        clicks("Deposit", "Withdraw", "Both", "Deposit", "Deposit", "Withdraw", "Both", "Both"),
        (Shows("Balance: 79"), Shows("gathered: +2")),
    ),
    Script(
        "callables",
        clicks("bound", "partial", "decorated", "static", "class", "object", "object", "lambda 2")
        + clicks("lambda 0", "decorated", "partial", "bound"),
        (Shows("bound,p!,call 1,+5,+10,l2,l0,call 2,p!,bound"), Shows("STATIC"), Shows("Ledger")),
    ),
    Script(
        "shared_lists",
        clicks("red", "green", "Undo", "blue", "Rotate", "blue", "Visit", "Rotate", "Undo", "red"),
        (Shows("3 items, same object: True"), Shows("3. red"), Shows("2. blue")),
    ),
    Script(
        "dialogs",
        (
            *clicks("Delete", "No", "Delete", "Yes"),
            Event(Find("Deleted gamma", type="SnackBar"), "action"),
            Dismiss(Find(type="SnackBar")),
            *clicks("Sheet", "Close", "Delete", "Yes"),
            Dismiss(Find(type="SnackBar")),
            Click("Sheet"),
            Dismiss(Find(type="BottomSheet")),
        ),
        (Shows("alpha, beta"), Shows("[closed][closed][sheet][closed][sheet]"), Hides("In the sheet")),
    ),
    Script(
        "routing",
        (
            Click("Teapot"),
            *clicks("Buy", "Buy"),
            ViewBack(),
            Route("/product/2"),
            Click("Buy"),
            Route("/"),
            Click("Cart"),
            Route("/product/1"),
            Click("Buy"),
            ViewBack(),
            Click("Cart"),
        ),
        (Shows("Teapot x 3"), Shows("Kettle x 1"), Called(("Page.push_route",) * 5)),
    ),
    Script(
        "services",
        (
            Change("Name", "Ada"),
            *clicks("Copy", "Paste", "Save"),
            Change("Name", "Bob"),
            *clicks("Load", "Launch", "Pick", "Buzz", "Copy", "Paste"),
        ),
        (Shows("pasted: hello Ada"),),
        replies={
            "UrlLauncher.can_launch_url": True,
            "FilePicker.pick_files": [
                {"id": 0, "name": "a.txt", "path": None, "size": 3, "bytes": None},
                {"id": 1, "name": "b.txt", "path": None, "size": 5, "bytes": None},
            ],
            "HapticFeedback.vibrate": RuntimeError("not on the web"),
        },
    ),
    Script(
        "session_store",
        (
            Click("Visit"),
            Change("User", "ada"),
            *clicks("Login", "Visit", "Promote", "Visit", "Logout", "Visit"),
            Change("User", "bob"),
            *clicks("Login", "Promote", "Visit"),
        ),
        (Shows("Hello bob, visit 1"), Shows("reader/editor")),
    ),
    Script(
        "custom_controls",
        clicks("more Apples", "more Apples", "less Pears", "Toggle offer", "Log", "Toggle offer", "Log")
        + clicks("more Pears", "Toggle offer", "Log"),
        (Shows("Total: 5"), Shows("Apples: 3 (2 clicks)"), Shows("mounted")),
    ),
    Script(
        "isolated",
        (
            *(Click(Find(key=f"tile{n}")) for n in (0, 1, 1)),
            Click("Bump"),
            Click(Find(key="tile2")),
            Click("Show"),
            *(Click(Find(key=f"tile{n}")) for n in (0, 2)),
        ),
        (Shows("Tile 0: 12"), Shows("Tile 1: 12"), Shows("Tile 2: 12"), Shows("shown")),
    ),
)
