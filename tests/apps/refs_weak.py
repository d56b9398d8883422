"""Refs, weak references between controls, sets and dictionaries of controls, identity tricks."""

import weakref

import flet as ft


class Node:
    """Knows its parent weakly and its children strongly."""

    def __init__(self, name, parent=None):
        self.name = name
        self._parent = weakref.ref(parent) if parent else None
        self.children = []
        if parent:
            parent.children.append(self)

    @property
    def path(self):
        parent = self._parent() if self._parent else None
        return f"{parent.path}/{self.name}" if parent else self.name


def main(page: ft.Page):
    out = ft.Ref[ft.Text]()
    field = ft.Ref[ft.TextField]()
    marked: set[ft.Control] = set()
    home = Node("home")
    here = home
    boxes = [ft.Container(ft.Text(f"box {n}"), data=n) for n in range(4)]
    neighbours = weakref.WeakKeyDictionary(
        {box: weakref.ref(boxes[(n + 1) % len(boxes)]) for n, box in enumerate(boxes)}
    )
    names = {box: f"B{box.data}" for box in boxes}

    def mark(e):
        box = e.control
        marked.symmetric_difference_update({box, neighbours[box]()})
        for each in boxes:
            each.bgcolor = ft.Colors.LIME if each in marked else None
        out.current.value = " ".join(sorted(names[each] for each in marked)) or "none"

    for box in boxes:
        box.on_click = mark

    def enter(e):
        nonlocal here
        here = Node(field.current.value or "x", here)
        out.current.value = here.path

    def up(e):
        nonlocal here
        if here is not home:
            here = here._parent()
        out.current.value = f"{here.path} has {len(here.children)}"

    page.add(
        ft.Row(boxes),
        ft.Text("none", ref=out),
        ft.TextField(label="Folder", ref=field),
        ft.Button("Enter", on_click=enter),
        ft.Button("Up", on_click=up),
    )


ft.run(main)
