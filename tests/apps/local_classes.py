"""Classes that exist only inside ``main``, with inheritance, ``super()`` and mangled names."""

from dataclasses import dataclass

import flet as ft


def main(page: ft.Page):
    prefix = "unit"
    made = 0

    class Shape:
        sides = 0

        def __init__(self, size):
            nonlocal made
            made += 1
            self.__size = size
            self._name = f"{prefix} {made}"

        @property
        def size(self):
            return self.__size

        def grow(self, by=1):
            self.__size += by
            return self

        def describe(self):
            return f"{self._name}: {type(self).__name__} {self.size}"

    class Square(Shape):
        sides = 4

        def __init__(self, size):
            super().__init__(size)
            self.__size = size * size

        def describe(self):
            return f"{super().describe()} area {self.__size}"

        def grow(self, by=1):
            super().grow(by)
            self.__size = self.size**2
            return self

    @dataclass
    class Pair:
        first: Shape
        second: Shape

        def swap(self):
            self.first, self.second = self.second, self.first

    @ft.control
    class Badge(ft.Container):
        shape_text: str = ""

        def build(self):
            self.content = ft.Text(self.shape_text)

        def before_update(self):
            super().before_update()
            self.content.value = f"<{self.shape_text}>"

    pair = Pair(Shape(2), Square(3))
    badges = [Badge(shape_text="a"), Badge(shape_text="b")]

    def show():
        for badge, shape in zip(badges, (pair.first, pair.second)):
            badge.shape_text = shape.describe()

    def grow(e):
        pair.first.grow(2)
        show()

    def swap(e):
        pair.swap()
        show()

    def fresh(e):
        pair.second = Square(pair.second.size + 1)
        show()

    show()
    page.add(
        *badges,
        ft.Button("Grow", on_click=grow),
        ft.Button("Swap", on_click=swap),
        ft.Button("Fresh", on_click=fresh),
    )


ft.run(main)
