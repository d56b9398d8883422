"""Each endpoint configured on its own, from Flet's documentation, in both spellings of ``FletApp``."""

import asyncio

import flet as ft
from fastapi import WebSocket
from flet.fastapi import FastAPI, FletApp, FletStaticFiles, app_manager


async def main(page: ft.Page):
    label = ft.Text("Hello, Flet!")

    def more(e):
        label.value += "!"

    page.add(label, ft.Button("more", key="more", on_click=more))


def prepare(page: ft.Page):
    page.title = "prepared"


app = FastAPI()


@app.websocket("/app1/ws")
async def flet_app(websocket: WebSocket):
    await FletApp(main).handle(websocket)


@app.websocket("/app2/ws")
async def flet_app_today(websocket: WebSocket):
    loop = asyncio.get_running_loop()
    await FletApp(loop, app_manager.executor, main, prepare, session_timeout_seconds=60).handle(websocket)


app.mount("/app1", FletStaticFiles(app_name="Parts", route_url_strategy="hash"))
app.mount(
    "/app2", FletStaticFiles(websocket_endpoint_path="/app2/ws", web_renderer=ft.WebRenderer.CANVAS_KIT)
)
app.mount("/proxied", FletStaticFiles(proxy_path="/outside", websocket_endpoint_path="/app1/ws"))
app.mount("/fixed", FletStaticFiles(app_mount_path="/elsewhere", use_color_emoji=False))
