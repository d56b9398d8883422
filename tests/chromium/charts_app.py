"""A chart of matplotlib, as an app has it."""

import flet as ft
import flet_charts as fch
import matplotlib.pyplot as plt
import numpy as np


def main(page: ft.Page) -> None:
    figure, axes = plt.subplots()
    (line,) = axes.plot(np.linspace(0, 1, 50))
    drawn = ft.Text("drawn 0")
    powers = []

    def draw(_: ft.Event[ft.Button]) -> None:
        powers.append(3)
        line.set_ydata(np.linspace(0, 1, 50) ** sum(powers))
        figure.canvas.draw()
        drawn.value = f"drawn {len(powers)}"

    chart = fch.MatplotlibChart(figure=figure, expand=True)
    page.add(drawn, ft.Button("draw", on_click=draw), ft.Container(chart, height=300))


ft.run(main)
