"""A Flet app below an existing FastAPI application, from Flet's documentation."""

from contextlib import asynccontextmanager

import flet as ft
import flet.fastapi as flet_fastapi
from fastapi import FastAPI


@asynccontextmanager
async def lifespan(app: FastAPI):
    await flet_fastapi.app_manager.start()
    yield
    await flet_fastapi.app_manager.shutdown()


app = FastAPI(lifespan=lifespan)


@app.get("/api/health")
def health():
    return {"apps": 1}


async def main(page: ft.Page):
    page.add(ft.Text("Hello, Flet!"))


app.mount("/flet-app", flet_fastapi.app(main))
