"""A to-do list: text entry, check boxes, filters; controls are created and removed by handlers."""

import flet as ft


def main(page: ft.Page):
    page.title = "ToDo"
    done_count = ft.Text("0 of 0 done")
    tasks = ft.Column()
    only_open = False

    def refresh():
        boxes = [row.controls[0] for row in tasks.controls]
        done_count.value = f"{sum(bool(b.value) for b in boxes)} of {len(boxes)} done"
        for row, box in zip(tasks.controls, boxes):
            row.visible = not (only_open and box.value)

    def toggled(e):
        e.control.label_style = ft.TextStyle(
            decoration=ft.TextDecoration.LINE_THROUGH if e.control.value else None
        )
        refresh()

    def remove(row):
        tasks.controls.remove(row)
        refresh()

    def add(e):
        if not new_task.value:
            new_task.error = "Say what to do"
            return
        row = ft.Row()
        box = ft.Checkbox(label=new_task.value, on_change=toggled)
        row.controls = [
            box,
            ft.IconButton(
                ft.Icons.DELETE,
                tooltip=f"Delete {new_task.value}",
                on_click=lambda e: remove(row),
            ),
        ]
        tasks.controls.append(row)
        new_task.value = ""
        new_task.error = None
        refresh()

    def switch_filter(e):
        nonlocal only_open
        only_open = e.control.value
        refresh()

    new_task = ft.TextField(label="What needs doing?", on_submit=add, expand=True)
    page.add(
        ft.Row([new_task, ft.Button("Add", on_click=add)]),
        ft.Switch(label="Only open", on_change=switch_filter),
        tasks,
        done_count,
    )


if __name__ == "__main__":
    ft.run(main)
