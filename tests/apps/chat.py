"""Publish and subscribe within the session: to everybody, to a topic, and unsubscribing."""

from dataclasses import dataclass

import flet as ft


@dataclass
class Message:
    user: str
    text: str


async def main(page: ft.Page):
    lines = ft.ListView(expand=True)
    alarms = ft.Text("no alarms")
    draft = ft.TextField(label="Message", shift_enter=True)
    count = 0

    async def on_message(message: Message):
        lines.controls.append(ft.Text(f"{message.user}: {message.text}"))
        page.update()

    async def on_alarm(topic, level):
        nonlocal count
        count += 1
        alarms.value = f"{topic} {level} ({count})"
        alarms.update()

    def send(e):
        page.pubsub.send_all(Message("me", draft.value))
        draft.value = ""

    def others(e):
        page.pubsub.send_others(Message("me", "not for me"))

    def alarm(e):
        page.pubsub.send_all_on_topic("fire", e.control.data)
        e.control.data += 1

    def mute(e):
        page.pubsub.unsubscribe_topic("fire")
        e.control.content = "Muted"

    page.pubsub.subscribe(on_message)
    page.pubsub.subscribe_topic("fire", on_alarm)
    page.add(
        lines,
        draft,
        ft.Button("Send", on_click=send),
        ft.Button("Others", on_click=others),
        ft.Button("Alarm", data=1, on_click=alarm),
        ft.Button("Mute", on_click=mute),
        alarms,
    )


if __name__ == "__main__":
    ft.run(main)
