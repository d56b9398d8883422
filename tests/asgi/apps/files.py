"""An app that shows what was uploaded, hosted in each of the ways that there are."""

import os

import flet as ft
from fastapi import Request, WebSocket
from flet.fastapi import FletApp, FletUpload
from flet.fastapi import app as flet_app

import flet_cluster

FOLDER = os.environ["UPLOADS"]


def main(page: ft.Page):
    files = flet_cluster.uploads(page)
    found = ft.Text("FOUND")

    def look(e):
        try:
            found.value = "FOUND " + " ".join(f"{file.name} {files.url(file.name)}" for file in files.list())
        except RuntimeError as error:
            found.value = f"FOUND {type(error).__name__}: {error}"

    def link(e):
        found.value = "FOUND " + page.get_upload_url("a b.txt", 60)

    page.add(
        found, ft.Button("look", key="look", on_click=look), ft.Button("link", key="link", on_click=link)
    )


def other(page: ft.Page):
    main(page)


def third(page: ft.Page):
    main(page)


app = ft.run(main, export_asgi_app=True, upload_dir=FOLDER)
app.mount("/mounted", flet_app(other, upload_dir=FOLDER))


@app.websocket("/own/ws")
async def own(websocket: WebSocket):
    await FletApp(third, upload_endpoint_path="/own/files").handle(websocket)


@app.api_route("/own/files", methods=["GET", "HEAD", "PUT"])
async def own_files(request: Request):
    return await FletUpload(FOLDER).handle(request)
