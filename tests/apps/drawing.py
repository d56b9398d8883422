"""A canvas whose shapes are added, moved and undone; gestures with positions."""

import math

import flet as ft
import flet.canvas as cv


def main(page: ft.Page):
    paint = ft.Paint(stroke_width=3, style=ft.PaintingStyle.STROKE, color=ft.Colors.BLUE)
    shapes: list[cv.Shape] = []
    undone: list[cv.Shape] = []
    count = ft.Text("0 shapes")

    def refresh():
        canvas.shapes = [*shapes]
        count.value = f"{len(shapes)} shapes, {len(undone)} undone"

    def circle(e):
        n = len(shapes)
        y = round(100 + 30 * math.sin(n), 3)
        shapes.append(cv.Circle(x=50 + 20 * n, y=y, radius=10 + n, paint=paint))
        refresh()

    def line(e):
        shapes.append(cv.Line(0, 0, 10 * len(shapes), 100, paint=ft.Paint(color=ft.Colors.RED)))
        refresh()

    def path(e):
        shapes.append(cv.Path([cv.Path.MoveTo(0, 0), cv.Path.LineTo(50, 80), cv.Path.Close()], paint=paint))
        refresh()

    def undo(e):
        if shapes:
            undone.append(shapes.pop())
        refresh()

    def redo(e):
        if undone:
            shapes.append(undone.pop())
        refresh()

    def thicker(e):
        paint.stroke_width += 2
        canvas.update()

    canvas = cv.Canvas(width=300, height=300)
    page.add(canvas, count)
    for name, handler in {
        "Circle": circle,
        "Line": line,
        "Path": path,
        "Undo": undo,
        "Redo": redo,
        "Thicker": thicker,
    }.items():
        page.add(ft.Button(name, on_click=handler))


ft.run(main)
