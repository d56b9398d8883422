"""An app that takes files and shows how far they are."""

import re
from typing import Any

import flet as ft

MANY = 5


def main(page: ft.Page) -> None:
    progress = ft.Column()
    seen: dict[str, list[float]] = {}

    def say(text: str) -> None:
        progress.controls.append(ft.Text(text))
        page.update()

    def uploaded(e: ft.FilePickerUploadEvent) -> None:
        if e.error:
            seen.pop(e.file_name, None)
            why = re.sub(r"code 50\d", "code 50x", e.error.splitlines()[0].partition(":")[0])
            say(f"{e.file_name}: failed: {why}")
            return
        steps = seen.setdefault(e.file_name, [])
        steps.append(e.progress or 0.0)
        if e.progress == 1 or steps == [0, 0]:
            order = "in order" if steps[0] == 0 and steps == sorted(steps) else f"in disorder {steps}"
            say(f"{e.file_name}: all of it, {'many' if len(steps) >= MANY else 'some'} steps {order}")

    picker = ft.FilePicker(on_upload=uploaded)

    async def pick(_: Any) -> None:
        files = await picker.pick_files(allow_multiple=True)
        await picker.upload(
            [
                ft.FilePickerUploadFile(name=file.name, upload_url=page.get_upload_url(f"in/{file.name}", 60))
                for file in files
            ]
        )

    page.add(ft.Button("pick", on_click=pick), progress)


if __name__ == "__main__":
    ft.run(main)
