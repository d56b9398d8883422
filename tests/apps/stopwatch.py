"""A stopwatch: ``page.run_task`` counts laps of a bounded loop, ``page.run_thread`` does slow work."""

import asyncio

import flet as ft


def main(page: ft.Page):
    ticks = 0
    running = False
    face = ft.Text("0.0 s")
    laps = ft.Column()
    result = ft.Text("")

    async def tick(upto):
        nonlocal ticks, running
        while running and ticks < upto:
            await asyncio.sleep(0.1)
            ticks += 1
            face.value = f"{ticks / 10:.1f} s"
            face.update()
        running = False

    def start(e):
        nonlocal running
        if not running:
            running = True
            page.run_task(tick, ticks + 5)

    def lap(e):
        laps.controls.append(ft.Text(f"lap {len(laps.controls) + 1}: {face.value}"))

    def reset(e):
        nonlocal ticks
        ticks = 0
        face.value = "0.0 s"
        laps.controls.clear()

    def slow(number):
        result.value = f"{number}! has {len(str(factorial(number)))} digits"
        page.update()

    def factorial(n):
        return n * factorial(n - 1) if n > 1 else 1

    page.add(
        face,
        laps,
        result,
        ft.Button("Start", on_click=start),
        ft.Button("Lap", on_click=lap),
        ft.Button("Reset", on_click=reset),
        ft.Button("Slow", on_click=lambda e: page.run_thread(slow, 50 + ticks)),
    )


ft.run(main)
