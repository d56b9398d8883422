"""Observable dicts and lists shared by sibling components, which re-render on their own."""

from dataclasses import dataclass, field

import flet as ft


@ft.observable
@dataclass
class Board:
    votes: dict[str, int] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def vote(self, name):
        self.votes[name] = self.votes.get(name, 0) + 1

    def forget(self, name):
        self.votes.pop(name, None)


@ft.component
def Votes(votes):
    return ft.Column([ft.Text(f"{name}: {count}") for name, count in votes.items()])


@ft.component
def Log(log):
    return ft.Column([ft.Text(line) for line in log[-3:]])


@ft.component
def App(board: Board):
    name, set_name = ft.use_state("Ada")

    def vote():
        board.vote(name)

    def note():
        board.log.append(f"note {len(board.log) + 1}")

    def sort():
        board.log.sort(reverse=True)

    return ft.Column(
        [
            ft.Row([ft.TextButton(n, on_click=lambda e, n=n: set_name(n)) for n in ("Ada", "Bob", "Cyd")]),
            ft.Button(f"Vote for {name}", key="vote", on_click=vote),
            ft.Button("Forget", on_click=lambda: board.forget(name)),
            ft.Button("Note", on_click=note),
            ft.Button("Sort", on_click=sort),
            Votes(board.votes),
            Log(board.log),
        ]
    )


def main(page: ft.Page):
    page.render(App, Board())


ft.run(main)
