"""Handlers that fail: sync, async, half-way; the session goes on after each."""

import flet as ft


class OutOfStock(Exception):
    def __init__(self, item):
        super().__init__(f"no {item} left")
        self.item = item


def main(page: ft.Page):
    stock = {"tea": 1}
    info = ft.Text("tea: 1")
    problems: list[Exception] = []

    def show():
        info.value = f"tea: {stock['tea']}, problems: {[str(p) for p in problems]}"

    def buy(e):
        if not stock["tea"]:
            raise OutOfStock("tea")
        stock["tea"] -= 1
        show()

    async def half(e):
        stock["tea"] += 10
        info.value = "half done"
        info.update()
        raise ValueError("in the middle")

    def careful(e):
        try:
            buy(e)
        except OutOfStock as problem:
            problems.append(problem.with_traceback(None))
        finally:
            show()

    def stop(e):
        info.value = "one"
        yield
        info.value = "two"
        raise RuntimeError("generator stopped")

    page.add(
        info,
        ft.Button("Buy", on_click=buy),
        ft.Button("Half", on_click=half),
        ft.Button("Careful", on_click=careful),
        ft.Button("Stop", on_click=stop),
        ft.Button("Show", on_click=lambda e: show()),
    )


ft.run(main)
