"""An app that takes files and shows what it has."""

import hashlib
from typing import Any

import flet as ft

import flet_cluster


def main(page: ft.Page) -> None:  # noqa: C901  one long main with many handlers
    files = flet_cluster.uploads(page)
    progress, listing = ft.Column(), ft.Column()
    link = ft.Text("LINK")
    picture = ft.Image(src=b"", width=100, height=100, error_content=ft.Text("no picture"))
    on_their_way: set[str] = set()

    def uploaded(e: ft.FilePickerUploadEvent) -> None:
        name = e.file_name
        if e.error:
            print(f"{name}: {e.error}")
            progress.controls.append(ft.Text(f"{name}: failed"))
        elif e.progress == 1 or (e.progress == 0 and name.startswith("empty")):
            progress.controls.append(ft.Text(f"{name}: all of it"))
        elif e.progress and name not in on_their_way:
            on_their_way.add(name)
            progress.controls.append(ft.Text(f"{name}: on its way"))
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

    def look(_: Any) -> None:
        listing.controls = [
            ft.Text(f"{file.name} {file.size} {hashlib.sha256(files.read(file.name)).hexdigest()}")
            for file in files.list()
        ]

    async def show(_: Any) -> None:
        async for file in files.alist("in/"):
            if file.name.endswith(".png"):
                picture.src = await files.aurl(file.name)
            if file.name.endswith(".html"):
                link.value = f"LINK {files.url(file.name)}"
        page.update()

    page.add(
        ft.Row(
            [
                ft.Button("pick", on_click=pick),
                ft.Button("look", on_click=look),
                ft.Button("show", on_click=show),
            ]
        ),
        progress,
        listing,
        link,
        picture,
    )


if __name__ == "__main__":
    ft.run(main)
