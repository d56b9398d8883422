"""A form of many input controls, validated while the user types."""

import re

import flet as ft


def main(page: ft.Page):
    page.title = "Sign up"
    values: dict[str, object] = {}
    summary = ft.Text("", selectable=True)

    def valid():
        return bool(re.fullmatch(r"\S+@\S+", str(values.get("email", "")))) and values.get("terms") is True

    def changed(name):
        def handler(e):
            values[name] = e.control.value
            email.error = None if "@" in str(values.get("email", "@")) else "Not an address"
            send.disabled = not valid()
            summary.value = "; ".join(f"{k}={v}" for k, v in values.items())

        return handler

    def submit(e):
        page.controls.clear()
        page.add(ft.Text(f"Welcome {values['email']}, level {values.get('level')}"))

    email = ft.TextField(label="Email", on_change=changed("email"), autofocus=True)
    send = ft.Button("Send", disabled=True, on_click=submit)
    page.add(
        email,
        ft.Checkbox(label="Accept terms", on_change=changed("terms")),
        ft.Switch(label="Newsletter", value=True, on_change=changed("news")),
        ft.Slider(key="level", min=0, max=10, divisions=10, label="{value}", on_change=changed("level")),
        ft.Dropdown(
            label="Country",
            options=[
                ft.DropdownOption(key="at", text="Austria"),
                ft.DropdownOption(key="be", text="Belgium"),
            ],
            on_select=changed("country"),
        ),
        ft.RadioGroup(
            key="size",
            content=ft.Row([ft.Radio(value="s", label="Small"), ft.Radio(value="l", label="Large")]),
            on_change=changed("size"),
        ),
        send,
        summary,
    )


ft.run(main)
