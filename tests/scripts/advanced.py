"""Scripts of the apps that stretch Python or Flet."""

from __future__ import annotations

from tests.scripts.basics import clicks
from tests.steps import (
    Change,
    Click,
    Crashed,
    Dismiss,
    Event,
    Find,
    Hides,
    Holds,
    Key,
    PickDate,
    Resize,
    Script,
    Select,
    Shows,
)

RAIL = Find(type="NavigationRail")
TABS = Find(type="Tabs")
DRAFT = Find("Message", type="TextField")


def index(target: Find, number: int) -> Change:
    """Choose a tab or a destination."""
    return Change(target, number, prop="selected_index")


def table_row(number: int) -> Find:
    """A row of ``data_table``, from the top."""
    return Find(type="DataRow", nth=number)


def box(number: int) -> Click:
    """Click a box of ``refs_weak``."""
    return Click(Find(f"box {number}", type="Container"))


def drag(old: int, new: int) -> Event:
    """Drag an item of the reorderable list."""
    return Event(Find(type="ReorderableListView"), "reorder", {"old_index": old, "new_index": new})


SCRIPTS = (
    Script(
        "tabs_rail",
        (
            index(TABS, 1),
            *clicks("Add tab", "Add tab"),
            index(TABS, 3),
            Click("Close tab"),
            index(RAIL, 1),
            index(RAIL, 2),
            index(RAIL, 0),
            Click("Close tab"),
            index(TABS, 0),
        ),
        (Shows("tab 0"), Shows("Two"), Hides("Extra 1"), Holds(TABS, "length", 2)),
    ),
    Script(
        "data_table",
        (
            Event(table_row(1), "select_change", True),
            Event(Find("23", type="DataCell"), "tap"),
            Event(Find("Age", type="DataColumn"), "sort", {"ci": 1, "asc": False}),
            Click("Hire"),
            Event(table_row(2), "select_change", True),
            Event(Find("Name", type="DataColumn"), "sort", {"ci": 0, "asc": True}),
            Event(Find("20", type="DataCell"), "tap"),
            Event(table_row(1), "select_change", False),
        ),
        (Shows("Cyd"), Shows("24"), Shows("21"), Holds(table_row(2), "selected", True)),
    ),
    Script(
        "long_list",
        (
            *clicks("Front", "Middle", "Drop third"),
            drag(0, 5),
            *clicks("Swap", "Reverse", "Evens"),
            drag(3, 0),
            *clicks("Front", "Clear", "Refill", "Reverse", "Front"),
        ),
        (Shows("4: 67 66 65 64"), Shows("item 65")),
    ),
    Script(
        "form",
        (
            Change("Email", "ad"),
            Change("Email", "ada@example.org"),
            Change("Accept terms", True),
            Change("Newsletter", False),
            Change(Find(key="level"), 7.0),
            Select(Find("Country"), "be", "Belgium"),
            Change(Find(key="size"), "l"),
            Change("Email", "ada"),
            Change("Email", "ada@x.org"),
            Click("Send"),
        ),
        (Shows("Welcome ada@x.org, level 7.0"), Hides("Send")),
    ),
    Script(
        "chrome",
        (
            *clicks("theme", "fab", "Seed", "fab", "theme"),
            Resize(900.0, 700.0),
            index(Find(type="NavigationBar"), 1),
            Click("fab"),
            Resize(800.0, 600.0),
            *clicks("theme", "Seed"),
        ),
        (Shows("Pressed 3"), Shows("800 x 600"), Shows("overlay"), Hides("fab")),
    ),
    Script(
        "refs_weak",
        (
            box(0),
            box(2),
            box(1),
            Change("Folder", "docs"),
            Click("Enter"),
            Change("Folder", "2024"),
            *clicks("Enter", "Up", "Enter", "Up", "Up"),
            box(2),
        ),
        (Shows("B0 B2"),),
    ),
    Script(
        "drawing",
        clicks("Circle", "Line", "Circle", "Undo", "Path", "Thicker", "Undo", "Redo", "Undo", "Undo", "Redo"),
        (Shows("2 shapes, 2 undone"),),
    ),
    Script(
        "closures",
        (
            *clicks("a+1", "a+5", "b+1", "b+1", "Add group", "g5+5", "a+1"),
            Event("b+1", "long_press"),
            *clicks("Add group", "g6+1", "b+5", "g5+5"),
        ),
        (Shows("total 133"), Shows("g5: 10, button 5: 2")),
    ),
    Script(
        "app_object",
        clicks("Start", "yes", "no", "yes", "Style", "Start", "no", "no", "Style", "no", "Finish"),
        (Shows("over round 2 [no4,yes2] no/no/no"), Hides("yes")),
    ),
    Script(
        "local_classes",
        clicks("Grow", "Swap", "Grow", "Fresh", "Swap", "Grow", "Fresh", "Swap"),
        (Shows("<unit 4: Square 6 area 36>"),),
    ),
    Script(
        "stopwatch",
        clicks("Start", "Lap", "Start", "Lap", "Slow", "Reset", "Start", "Lap"),
        (Shows("0.5 s"), Shows("lap 1: 0.5 s"), Shows("60! has 82 digits")),
    ),
    Script(
        "errors",
        clicks("Buy", "Buy", "Careful", "Half", "Buy", "Stop", "Careful", "Show"),
        (
            Crashed("no tea left"),
            Crashed("in the middle"),
            Crashed("generator stopped"),
            Shows("tea: 8, problems: ['no tea left']"),
        ),
    ),
    Script(
        "chat",
        (
            Change(DRAFT, "hello"),
            Click("Send"),
            *clicks("Alarm", "Others", "Alarm"),
            Change(DRAFT, "again"),
            *clicks("Send", "Mute", "Alarm", "Send"),
        ),
        (
            Shows("me: hello"),
            Shows("me: again"),
            Shows("fire 2 (2)"),
            Shows("Muted"),
            Hides("me: not for me"),
        ),
    ),
    Script(
        "readding",
        clicks("Move", "Move", "Swap", "Replace", "Move", "Park", "Unpark", "Replace", "Swap", "Park"),
        (Shows("left 0, right 0, parked 3"),),
    ),
    Script(
        "manual_update",
        clicks("Hidden", "Only a", "Hidden", "Thrice", "Hidden", "Both", "Automatic", "Hidden", "Only a"),
        (Shows("a9"), Shows("auto b7")),
    ),
    Script(
        "keyboard",
        tuple(Key(key) for key in "OXDLLUOD"),
        (Shows("You see the garden. The end."), Shows("8 steps, over, ['lamp']")),
    ),
    Script(
        "before_main",
        (
            *clicks("Tomorrow", "Tomorrow", "Animate", "Pick"),
            Dismiss(Find(type="DatePicker")),
            *clicks("Animate", "Tomorrow", "Pick"),
            PickDate(Find(type="DatePicker"), "2024-03-20"),
            *clicks("Animate", "Pick"),
        ),
        (Shows("2024-03-20"), Hides("Loading")),
    ),
)
