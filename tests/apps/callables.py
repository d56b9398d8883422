"""All the ways to say what a handler is: partial, bound method, lambda with default, decorated, object."""

import functools
from functools import partial

import flet as ft


def logged(handler):
    """A decorator that counts calls on the function itself."""

    @functools.wraps(handler)
    def wrapper(e):
        wrapper.calls += 1
        return handler(e)

    wrapper.calls = 0
    return wrapper


class Ledger:
    def __init__(self, text):
        self.entries = []
        self.text = text

    def record(self, e):
        self.append(e.control.content)

    def append(self, entry):
        self.entries.append(entry)
        self.text.value = ",".join(self.entries)

    @staticmethod
    def shout(e):
        e.control.content = e.control.content.upper()

    @classmethod
    def name(cls, e):
        e.control.content = cls.__name__


class Adder:
    """An object that can be called."""

    def __init__(self, ledger, by):
        self.ledger, self.by, self.total = ledger, by, 0

    def __call__(self, e):
        self.total += self.by
        self.ledger.append(f"+{self.total}")


def main(page: ft.Page):
    ledger = Ledger(ft.Text(""))

    def tagged(tag, e, *, suffix):
        ledger.append(f"{tag}{suffix}")

    @logged
    def counted(e):
        ledger.append(f"call {counted.calls}")

    page.add(
        ledger.text,
        ft.Button("bound", on_click=ledger.record),
        ft.Button("partial", on_click=partial(tagged, "p", suffix="!")),
        ft.Button("decorated", on_click=counted),
        ft.Button("static", on_click=Ledger.shout),
        ft.Button("class", on_click=Ledger.name),
        ft.Button("object", on_click=Adder(ledger, 5)),
        *[ft.Button(f"lambda {n}", on_click=lambda e, n=n: ledger.append(f"l{n}")) for n in range(3)],
    )


ft.run(main)
