"""A declarative to-do list on observable dataclasses with an observable list inside."""

from dataclasses import dataclass, field

import flet as ft


@ft.observable
@dataclass
class Task:
    title: str
    done: bool = False

    def toggle(self):
        self.done = not self.done


@ft.observable
@dataclass
class Store:
    tasks: list[Task] = field(default_factory=list)
    filter: str = "all"
    draft: str = ""

    def add(self):
        if self.draft:
            self.tasks.append(Task(self.draft))
            self.draft = ""

    def remove(self, task):
        self.tasks.remove(task)

    def shown(self):
        return [t for t in self.tasks if self.filter == "all" or not t.done]


@ft.component
def TaskRow(task: Task, remove):
    return ft.Row(
        [
            ft.Checkbox(label=task.title, value=task.done, on_change=lambda e: task.toggle()),
            ft.Text(f"{task.title} is {'done' if task.done else 'open'}"),
            ft.TextButton(f"Remove {task.title}", on_click=lambda e: remove(task)),
        ]
    )


@ft.component
def App():
    store, _ = ft.use_state(Store)

    def set_draft(e):
        store.draft = e.control.value

    def flip(e):
        store.filter = "open" if store.filter == "all" else "all"

    return ft.Column(
        [
            ft.TextField(label="Task", value=store.draft, on_change=set_draft),
            ft.Button("Add", on_click=lambda e: store.add()),
            ft.Button(f"Filter: {store.filter}", on_click=flip),
            *[TaskRow(task, store.remove, key=task.title) for task in store.shown()],
            ft.Text(f"{len(store.tasks)} tasks"),
        ]
    )


def main(page: ft.Page):
    page.title = "Declarative ToDo"
    page.render(App)


if __name__ == "__main__":
    ft.run(main)
