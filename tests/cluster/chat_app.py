"""A chat room: every member keeps what was said, in the order in which it heard it."""

import flet as ft

import flet_cluster


def main(page: ft.Page) -> None:
    history: list[str] = []
    count = ft.Text("0", key="count")
    told = ft.Text("", key="told")

    async def hear(message: str) -> None:
        history.append(message)
        count.value = f"{len(history)}"
        count.update()

    def say(event: ft.Event[ft.Button]) -> None:
        page.pubsub.send_all(event.data)

    def tell(_: ft.Event[ft.Button]) -> None:
        told.value = " ".join(history)

    async def missed(_: flet_cluster.MissedMessages) -> None:
        await hear("(missing)")

    page.pubsub.subscribe(hear)
    flet_cluster.on_missed_messages(page, missed)
    page.add(count, told, ft.Button("say", on_click=say), ft.Button("tell", on_click=tell))


if __name__ == "__main__":
    ft.run(main)
