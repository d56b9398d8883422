"""The counter page with a button whose handler blocks."""

import time
from typing import Any

import flet as ft
from tests.bench.app import main as counter

BLOCK_SECONDS = 2.0


def main(page: ft.Page) -> None:
    def block(_: Any) -> None:
        time.sleep(BLOCK_SECONDS)

    page.controls.append(ft.Button("block", key="block", on_click=block))
    counter(page)


if __name__ == "__main__":
    ft.run(main)
