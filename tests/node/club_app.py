"""Members who talk: to all, to others, on a topic, with sync and async handlers."""

from __future__ import annotations

import asyncio
from typing import Any

import flet as ft

import flet_cluster

GO_ON = asyncio.Event()
"""What slow handlers wait for: of the process, so it does not travel."""


def main(page: ft.Page) -> None:  # noqa: C901 - one main with many handlers, as users write them
    lines = ft.Column()
    said = 0

    def show(text: str) -> None:
        lines.controls.append(ft.Text(f">{text}"))
        page.update()

    def hear(message: str) -> None:
        show(message)

    async def hear_async(message: str) -> None:
        show(f"async {message}")

    async def hear_slowly(message: str) -> None:
        show(f"began {message}")
        await GO_ON.wait()
        show(f"ended {message}")

    def hear_topic(topic: str, message: str) -> None:
        show(f"{topic}: {message}")

    def missed(gone: flet_cluster.MissedMessages) -> None:
        assert gone.since < gone.until
        show("missed some")

    def say(_: Any) -> None:
        nonlocal said
        said += 1
        page.pubsub.send_all(f"{said}")

    def say_three(_: Any) -> None:
        for word in ("a", "b", "c"):
            page.pubsub.send_all(word)

    def say_control(_: Any) -> None:
        page.pubsub.send_all({"what": [page.views[0]]})

    def say_first(_: Any) -> None:
        page.pubsub.send_all("before")
        page.pubsub.subscribe(hear)
        page.pubsub.send_all("after")

    actions = {
        "subscribe": lambda _: page.pubsub.subscribe(hear),
        "subscribe async": lambda _: page.pubsub.subscribe(hear_async),
        "subscribe slow": lambda _: page.pubsub.subscribe(hear_slowly),
        "subscribe news": lambda _: page.pubsub.subscribe_topic("news", hear_topic),
        "unsubscribe": lambda _: page.pubsub.unsubscribe(),  # type: ignore[no-untyped-call]
        "unsubscribe news": lambda _: page.pubsub.unsubscribe_topic("news"),
        "unsubscribe all": lambda _: page.pubsub.unsubscribe_all(),  # type: ignore[no-untyped-call]
        "watch": lambda _: flet_cluster.on_missed_messages(page, missed),
        "say": say,
        "say three": say_three,
        "say control": say_control,
        "say first": say_first,
        "others": lambda _: page.pubsub.send_others("for others"),
        "news": lambda _: page.pubsub.send_all_on_topic("news", "today"),
        "news to others": lambda _: page.pubsub.send_others_on_topic("news", "for others"),
    }
    page.add(ft.Text("ready"), lines)
    for label, action in actions.items():
        page.add(ft.Button(label, on_click=action))
