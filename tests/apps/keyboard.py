"""A text adventure driven by keys: a state machine made of functions that return functions."""

import flet as ft


def main(page: ft.Page):
    story = ft.Text("")
    inventory: list[str] = []
    steps = 0

    def cellar(key):
        if key == "L" and "lamp" not in inventory:
            inventory.append("lamp")
            return say("You take the lamp.", cellar)
        if key == "U":
            return say("You are in the hall.", hall)
        return say("It is dark.", cellar)

    def hall(key):
        if key == "D":
            return say("You are in the cellar.", cellar)
        if key == "O" and "lamp" in inventory:
            return say("You see the garden. The end.", None)
        return say("A hall with a door and stairs down.", hall)

    def say(text, then):
        story.value = text
        return then

    state = hall

    def pressed(e: ft.KeyboardEvent):
        nonlocal state, steps
        steps += 1
        if state is not None:
            state = state(e.key)
        status.value = f"{steps} steps, {state.__name__ if state else 'over'}, {inventory}"

    status = ft.Text("0 steps")
    page.on_keyboard_event = pressed
    page.add(story, status)


ft.run(main)
