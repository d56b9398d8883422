"""A calculator: one state object, a dictionary of handlers, operators from the standard library."""

import operator
from dataclasses import dataclass

import flet as ft

OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


@dataclass
class State:
    shown: str = "0"
    operand: float = 0
    pending: str | None = None
    fresh: bool = True


def main(page: ft.Page):
    page.title = "Calculator"
    state = State()
    result = ft.Text("0", size=30, key="result")

    def digit(text):
        state.shown = text if state.fresh or state.shown == "0" else state.shown + text
        state.fresh = False

    def point(text):
        if state.fresh:
            digit("0")
        if "." not in state.shown:
            state.shown += text

    def compute():
        if state.pending is not None:
            value = OPERATORS[state.pending](state.operand, float(state.shown))
            state.shown = f"{value:g}"
        state.fresh = True

    def operate(text):
        if not state.fresh:
            compute()
        state.operand = float(state.shown)
        state.pending = text
        state.fresh = True

    def equals(text):
        try:
            compute()
        except ZeroDivisionError:
            state.shown = "Error"
        state.pending = None

    def clear(text):
        nonlocal state
        state = State()

    actions = {**dict.fromkeys("0123456789", digit), ".": point, "=": equals, "C": clear}
    actions |= dict.fromkeys(OPERATORS, operate)

    def press(e):
        actions[e.control.content](e.control.content)
        result.value = state.shown

    keys = ["789/", "456*", "123-", "0.=+", "C"]
    page.add(result, *(ft.Row([ft.Button(k, on_click=press, expand=1) for k in row]) for row in keys))


ft.run(main)
