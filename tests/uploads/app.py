"""An app that takes files."""

import asyncio
import threading
from typing import Any

import flet as ft

import flet_cluster
from flet_cluster.errors import ClusterError

MORE_THREADS_THAN_A_LOOP_HAS = 40
released = threading.Event()
waiting: set[Any] = set()


def blocking(files: flet_cluster.Uploads, verb: str, name: str) -> object:
    match verb:
        case "list":
            return [(file.name, file.size) for file in files.list(name)]
        case "open":
            with files.open(name) as file:
                end = file.seek(-2, 2) + 2
                tail = file.read()
                file.seek(1)
                return end, file.read(3), tail, file.read()
        case "stat":
            return files.stat(name).size
        case "forbidden":
            return files.read(name)
        case _:
            return getattr(files, verb)(name)


async def awaiting(files: flet_cluster.Uploads, verb: str, name: str) -> object:
    match verb:
        case "list":
            return [(file.name, file.size) async for file in files.alist(name)]
        case "open":
            async with await files.aopen(name) as file:
                end = file.seek(-2, 2) + 2
                tail = await file.read()
                file.seek(1)
                return end, await file.read(3), tail, b"".join([piece async for piece in file])
        case "stat":
            return (await files.astat(name)).size
        case "forbidden":
            return files.read(name)
        case _:
            return await getattr(files, f"a{verb}")(name)


def shelf(page: ft.Page) -> None:
    """What an app does with files that were uploaded."""
    files = flet_cluster.uploads(page)
    what = ft.TextField(label="what")
    found = ft.Text("FILES 0")

    count = 0

    def show(result: str) -> None:
        nonlocal count
        count += 1
        found.value = f"FILES {count} {result}"

    def now(_: Any) -> None:
        try:
            show(repr(blocking(files, *(what.value or "").split(":", 1))))
        except (ClusterError, RuntimeError, LookupError) as error:
            show(f"{type(error).__name__}: {error}")
        page.update()

    async def soon(_: Any) -> None:
        try:
            show(repr(await awaiting(files, *(what.value or "").split(":", 1))))
        except (ClusterError, RuntimeError, LookupError) as error:
            show(f"{type(error).__name__}: {error}")
        page.update()

    page.add(
        what,
        found,
        ft.Button("sync", on_click=now),
        ft.Button("async", on_click=soon),
        ft.Button("thread", on_click=lambda e: page.run_thread(now, e)),
        ft.Button("task", on_click=lambda e: page.run_task(soon, e)),
    )


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
    shelf(page)


if __name__ == "__main__":
    ft.run(main)
