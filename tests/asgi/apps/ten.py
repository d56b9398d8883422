"""One page for each tenant, made for each request: a function, a partial, a method, an object, a default."""

import functools
import threading

import flet as ft
from fastapi import WebSocket

import flet_cluster.fastapi as flet_fastapi

app = flet_fastapi.FastAPI()


def show(page: ft.Page, tenant: str):
    """The page of a tenant, with a counter and a chat."""
    count = 0
    label, heard = ft.Text(f"{tenant}: 0"), ft.Text("heard: ")

    def plus(e):
        nonlocal count
        count += 1
        label.value = f"{tenant}: {count}"

    def hear(message):
        heard.value += message
        page.update()

    page.pubsub.subscribe(hear)
    page.add(
        label,
        heard,
        ft.Button("plus", key="plus", on_click=plus),
        ft.Button("say", key="say", on_click=lambda e: page.pubsub.send_all(tenant[0])),
    )


def of_partial(tenant: str, page: ft.Page):
    show(page, tenant)


class Tenant:
    def __init__(self, name: str):
        self.name = name

    async def main(self, page: ft.Page):
        show(page, self.name)

    async def __call__(self, page: ft.Page):
        show(page, self.name)


@app.websocket("/{kind}/{tenant}/ws")
async def ws(websocket: WebSocket, kind: str, tenant: str):
    async def closure(page):
        show(page, tenant)

    async def default(page, tenant=tenant):
        show(page, tenant)

    async def request(page):
        show(page, websocket.path_params["tenant"])

    async def prepare(page):
        page.title = f"title of {tenant}"

    mains = {
        "closure": closure,
        "default": default,
        "request": request,
        "partial": functools.partial(of_partial, tenant),
        "method": Tenant(tenant).main,
        "object": Tenant(tenant),
    }
    await flet_fastapi.FletApp(None, None, mains[kind], prepare).handle(websocket)


@app.get("/about")
async def about():
    apps = flet_fastapi.app_manager.apps
    return {"apps": [app.settings.app_name for app in apps], "threads": threading.active_count()}
