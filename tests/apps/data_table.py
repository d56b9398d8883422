"""A table that is sorted, selected and edited."""

from dataclasses import astuple, dataclass
from operator import attrgetter

import flet as ft


@dataclass
class Person:
    name: str
    age: int


def main(page: ft.Page):
    people = [Person("Ada", 36), Person("Bob", 52), Person("Cyd", 23)]
    chosen: set[str] = set()
    summary = ft.Text("nobody")

    def select(e, person):
        e.control.selected = not e.control.selected
        chosen.symmetric_difference_update({person.name})
        summary.value = ", ".join(sorted(chosen)) or "nobody"

    def birthday(person):
        def handler(e):
            person.age += 1
            e.control.content.value = str(person.age)

        return handler

    def row(person):
        name, age = astuple(person)
        return ft.DataRow(
            selected=name in chosen,
            on_select_change=lambda e: select(e, person),
            cells=[
                ft.DataCell(ft.Text(name)),
                ft.DataCell(ft.Text(str(age)), show_edit_icon=True, on_tap=birthday(person)),
            ],
        )

    def sort(e: ft.DataColumnSortEvent):
        table.sort_column_index = e.column_index
        table.sort_ascending = e.ascending
        people.sort(key=attrgetter(("name", "age")[e.column_index]), reverse=not e.ascending)
        table.rows = [row(person) for person in people]

    def hire(e):
        people.append(Person(f"New{len(people)}", 20))
        table.rows.append(row(people[-1]))

    table = ft.DataTable(
        columns=[
            ft.DataColumn(ft.Text("Name"), on_sort=sort),
            ft.DataColumn(ft.Text("Age"), numeric=True, on_sort=sort),
        ],
        rows=[row(person) for person in people],
    )
    page.add(table, summary, ft.Button("Hire", on_click=hire))


ft.run(main)
