"""Each endpoint configured on its own, from Flet's documentation, in both spellings of ``FletApp``."""

import asyncio
import os

import flet as ft
from fastapi import Request, WebSocket
from flet.auth import OAuthProvider
from flet.fastapi import FastAPI, FletApp, FletOAuth, FletStaticFiles, FletUpload, app_manager

provider = OAuthProvider(
    client_id="app",
    client_secret="a secret for tests only",
    authorization_endpoint="http://127.0.0.1:1/auth",
    token_endpoint="http://127.0.0.1:1/token",
    redirect_url="http://127.0.0.1:1/oauth_callback",
)


async def main(page: ft.Page):
    label = ft.Text("Hello, Flet!")

    def more(e):
        label.value += "!"

    def link(e):
        label.value = page.get_upload_url("folder/file.txt", 60)

    async def sign_in(e):
        await page.login(provider)

    page.add(
        label,
        ft.Button("more", key="more", on_click=more),
        ft.Button("link", key="link", on_click=link),
        ft.Button("sign in", key="sign in", on_click=sign_in),
    )


def prepare(page: ft.Page):
    page.title = "prepared"


app = FastAPI()


@app.websocket("/app1/ws")
async def flet_app(websocket: WebSocket):
    await FletApp(main, upload_endpoint_path="/upload").handle(websocket)


@app.websocket("/app2/ws")
async def flet_app_today(websocket: WebSocket):
    loop = asyncio.get_running_loop()
    await FletApp(loop, app_manager.executor, main, prepare, session_timeout_seconds=60).handle(websocket)


@app.put("/upload")
async def flet_uploads(request: Request):
    await FletUpload(os.environ["UPLOADS"], max_upload_size="10").handle(request)


@app.get("/oauth_callback")
async def flet_oauth(request: Request):
    return await FletOAuth().handle(request)


app.mount("/app1", FletStaticFiles(app_name="Parts", route_url_strategy="hash"))
app.mount(
    "/app2", FletStaticFiles(websocket_endpoint_path="/app2/ws", web_renderer=ft.WebRenderer.CANVAS_KIT)
)
app.mount("/proxied", FletStaticFiles(proxy_path="/outside", websocket_endpoint_path="/app1/ws"))
app.mount("/fixed", FletStaticFiles(app_mount_path="/elsewhere", use_color_emoji=False))
