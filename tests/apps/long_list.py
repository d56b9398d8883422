"""A list of many items: insert, remove, reverse, reorder by dragging, clear and refill."""

import flet as ft


def main(page: ft.Page):
    page.title = "List"
    made = 0
    info = ft.Text("")

    def item():
        nonlocal made
        made += 1
        return ft.ListTile(title=f"item {made}", key=f"k{made}", data={"n": made})

    def report(e=None):
        titles = [c.title.split()[1] for c in items.controls]
        info.value = f"{len(titles)}: " + " ".join(titles[:6])

    def change(action):
        def handler(e):
            action(items.controls)
            report()

        return handler

    def swap(controls):
        controls[0], controls[-1] = controls[-1], controls[0]

    def reordered(e: ft.OnReorderEvent):
        items.controls.insert(e.new_index, items.controls.pop(e.old_index))
        report()

    items = ft.ReorderableListView(controls=[item() for _ in range(60)], on_reorder=reordered, height=300)
    actions = {
        "Front": lambda c: c.insert(0, item()),
        "Middle": lambda c: c.insert(len(c) // 2, item()),
        "Drop third": lambda c: c.pop(2),
        "Evens": lambda c: c.__setitem__(slice(None), [x for x in c if x.data["n"] % 2 == 0]),
        "Reverse": lambda c: c.reverse(),
        "Swap": swap,
        "Clear": lambda c: c.clear(),
        "Refill": lambda c: c.extend(item() for _ in range(3)),
    }
    report()
    page.add(ft.Row([ft.Button(name, on_click=change(do)) for name, do in actions.items()]), info, items)


ft.run(main)
