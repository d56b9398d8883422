"""Services that live in the browser: clipboard, preferences, launcher, file picker, haptics."""

import flet as ft


async def main(page: ft.Page):
    clipboard = ft.Clipboard()
    launcher = ft.UrlLauncher()
    state = ft.Text("ready")
    name = ft.TextField(label="Name")

    async def copy(e):
        await clipboard.set(f"hello {name.value}")
        state.value = "copied"

    async def paste(e):
        state.value = f"pasted: {await clipboard.get()}"

    async def save(e):
        prefs = ft.SharedPreferences()
        await prefs.set("name", name.value)
        state.value = f"keys: {await prefs.get_keys('')}"

    async def load(e):
        prefs = ft.SharedPreferences()
        if await prefs.contains_key("name"):
            name.value = await prefs.get("name")
        state.value = "loaded"

    async def launch(e):
        can = await launcher.can_launch_url("https://example.com")
        state.value = f"can launch: {can}"
        if can:
            await launcher.launch_url("https://example.com")

    async def pick(e):
        files = await ft.FilePicker().pick_files(allow_multiple=True)
        state.value = "picked: " + ", ".join(f"{f.name} {f.size}" for f in files)

    async def buzz(e):
        try:
            await ft.HapticFeedback().vibrate()
        except RuntimeError as error:
            state.value = f"no haptics: {error}"

    page.add(state, name)
    for caption, handler in {
        "Copy": copy,
        "Paste": paste,
        "Save": save,
        "Load": load,
        "Launch": launch,
        "Pick": pick,
        "Buzz": buzz,
    }.items():
        page.add(ft.Button(caption, on_click=handler))


if __name__ == "__main__":
    ft.run(main)
