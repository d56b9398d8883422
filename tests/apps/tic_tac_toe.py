"""Tic-tac-toe: a board class, enum members as marks, buttons that know their cell by ``data``."""

import enum

import flet as ft


class Mark(enum.Enum):
    NONE = " "
    X = "X"
    O = "O"  # noqa: E741

    @property
    def other(self):
        return Mark.O if self is Mark.X else Mark.X


class Board:
    LINES = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6)]

    def __init__(self):
        self.cells = [Mark.NONE] * 9
        self.turn = Mark.X

    def play(self, n):
        if self.cells[n] is not Mark.NONE or self.winner():
            return False
        self.cells[n] = self.turn
        self.turn = self.turn.other
        return True

    def winner(self):
        for a, b, c in self.LINES:
            if self.cells[a] is not Mark.NONE and self.cells[a] is self.cells[b] is self.cells[c]:
                return a, b, c
        return None


def main(page: ft.Page):
    board = Board()
    score = {Mark.X: 0, Mark.O: 0}
    status = ft.Text("X plays")
    tally = ft.Text("X 0 : 0 O")

    def clicked(e):
        if not board.play(e.control.data):
            return
        e.control.content = board.cells[e.control.data].value
        line = board.winner()
        if line:
            mark = board.cells[line[0]]
            score[mark] += 1
            status.value = f"{mark.name} wins"
            tally.value = f"X {score[Mark.X]} : {score[Mark.O]} O"
            for n in line:
                buttons[n].bgcolor = ft.Colors.GREEN
        else:
            status.value = f"{board.turn.name} plays"

    def again(e):
        nonlocal board
        board = Board()
        status.value = "X plays"
        for b in buttons:
            b.content = " "
            b.bgcolor = None

    buttons = [ft.OutlinedButton(" ", data=n, key=f"cell{n}", on_click=clicked) for n in range(9)]
    grid = ft.Column([ft.Row(buttons[n : n + 3]) for n in range(0, 9, 3)])
    page.add(status, grid, tally, ft.TextButton("Again", on_click=again))


ft.run(main)
