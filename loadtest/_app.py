"""An app to load: a counter that must be exact, a chat, files, and a sign-in where there is an ``ISSUER``.

    flet-cluster run loadtest/_app.py --workers 3

Like any Flet app it knows nothing of the cluster, and runs on stock Flet as well.
"""

import os

import flet as ft
from flet.auth import OAuthProvider

LINES = 200


def counter() -> ft.Control:
    """Build the counter that ``loadtest/_tally.py`` knows by its keys."""
    total = 0
    shown = ft.Text("0", key="tally")

    def add(_: ft.Event[ft.Button]) -> None:
        nonlocal total
        total += 1
        shown.value = str(total)

    return ft.Row([ft.Button("Count", key="tally-add", on_click=add), shown])


def chat(page: ft.Page) -> ft.Control:
    """Build a chat of all sessions."""
    lines = ft.Column()
    draft = ft.TextField(label="Message")

    def send(_: ft.Event[ft.Button]) -> None:
        page.pubsub.send_all(draft.value)
        draft.value = ""

    def hear(text: str) -> None:
        lines.controls.append(ft.Text(text))
        del lines.controls[:-LINES]
        page.update()

    page.pubsub.subscribe(hear)
    return ft.Column([ft.Row([draft, ft.Button("Send", on_click=send)]), lines])


def files(page: ft.Page) -> ft.Control:
    """Build a button that uploads files, and a list of what was uploaded."""
    arrived = ft.Column()

    def uploaded(e: ft.FilePickerUploadEvent) -> None:
        if e.error or e.progress == 1:
            arrived.controls.append(ft.Text(f"{e.file_name}: {e.error or 'arrived'}"))
            page.update()

    picker = ft.FilePicker(on_upload=uploaded)

    async def pick(_: ft.Event[ft.Button]) -> None:
        picked = await picker.pick_files(allow_multiple=True)
        urls = [(file.name, page.get_upload_url(file.name, 60)) for file in picked]
        await picker.upload([ft.FilePickerUploadFile(name=name, upload_url=url) for name, url in urls])

    return ft.Column([ft.Button("Upload", on_click=pick), arrived])


def sign_in(page: ft.Page, issuer: str) -> ft.Control:
    """Build a button that signs in at an OpenID provider."""
    who = ft.Text("Nobody is signed in")

    async def start(_: ft.Event[ft.Button]) -> None:
        address = (page.url or "").replace("ws", "http", 1).rstrip("/")
        provider = OAuthProvider(
            client_id=os.environ["CLIENT_ID"],
            client_secret=os.environ["CLIENT_SECRET"],
            authorization_endpoint=f"{issuer}/auth",
            token_endpoint=f"{issuer}/token",
            user_endpoint=f"{issuer}/me",
            user_id_fn=lambda user: str(user["sub"]),
            user_scopes=["openid"],
            redirect_url=f"{address}/oauth_callback",
        )
        await page.login(provider)

    def done(e: ft.LoginEvent) -> None:
        who.value = f"Failed: {e.error}" if e.error else "Signed in"
        page.update()

    page.on_login = done
    return ft.Row([ft.Button("Sign in", on_click=start), who])


def main(page: ft.Page) -> None:
    """Build the page."""
    page.title = "Load"
    page.scroll = ft.ScrollMode.AUTO
    page.add(counter(), chat(page), files(page))
    if "ISSUER" in os.environ:
        page.add(sign_in(page, os.environ["ISSUER"]))


if __name__ == "__main__":
    ft.run(main)
