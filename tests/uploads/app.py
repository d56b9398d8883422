"""An app that takes files."""

import asyncio
import threading
from typing import Any

import flet as ft

MORE_THREADS_THAN_A_LOOP_HAS = 40
released = threading.Event()
waiting: set[Any] = set()


def main(page: ft.Page) -> None:
    name = ft.TextField(label="name")
    seconds = ft.TextField(label="seconds", value="600")
    shown = ft.Text("URL")
    progress = ft.Column()

    def show(_: Any) -> None:
        try:
            shown.value = "URL: " + page.get_upload_url(name.value or "", int(seconds.value or 0))
        except (RuntimeError, ValueError) as error:
            shown.value = f"URL: {type(error).__name__}: {error}"

    def uploaded(e: ft.FilePickerUploadEvent) -> None:
        if e.error:
            progress.controls.append(ft.Text(f"{e.file_name}: {e.error}"))
        elif e.progress == 1 or (e.progress == 0 and e.file_name.startswith("empty")):
            progress.controls.append(ft.Text(f"{e.file_name}: all of it"))
        page.update()

    picker = ft.FilePicker(on_upload=uploaded)

    async def pick(_: Any) -> None:
        files = await picker.pick_files(allow_multiple=True)
        await picker.upload(
            [
                ft.FilePickerUploadFile(name=file.name, upload_url=page.get_upload_url(f"in/{file.name}", 60))
                for file in files
            ]
        )

    async def fill(_: Any) -> None:
        released.clear()
        for _number in range(MORE_THREADS_THAN_A_LOOP_HAS):
            task = asyncio.create_task(asyncio.to_thread(released.wait))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
        shown.value = "URL: none, all threads wait"

    def release(_: Any) -> None:
        shown.value = f"URL: none, {len(waiting)} waited"
        released.set()

    page.add(
        name,
        seconds,
        shown,
        ft.Button("url", on_click=show),
        ft.Button("pick", on_click=pick),
        ft.Button("fill", on_click=fill),
        ft.Button("release", on_click=release),
        progress,
    )


if __name__ == "__main__":
    ft.run(main)
