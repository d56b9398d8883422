"""Every environment variable of Flet's documentation: its meaning, its default, and a clear error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.shell.running import APP, COMMAND, eventually, free_port, started
from tests.tab import open_tab

from flet_cluster.errors import SettingsError
from flet_cluster.host.program import load_program
from flet_cluster.setting_sources import FLET_VARIABLES, PREFIX
from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "a key of more than sixteen characters"


pytestmark = pytest.mark.usefixtures("no_settings")


def revealed(value: Any) -> Any:
    """Show a secret."""
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value


# Variable: default, a value and what it means, a wrong value and what the error says of it. Host, port and
# the browser depend on the machine; what is decided then is in test_desktop.py.
TABLE: dict[str, tuple[Any, list[tuple[str, Any]], list[tuple[str, str]]]] = {
    "FLET_FORCE_WEB_SERVER": (
        False,
        [("true", True), ("True", True), ("1", True), ("yes", True), ("false", False), ("0", False)],
        [("maybe", "write true or false")],
    ),
    "FLET_SERVER_PORT": (8000, [("8550", 8550)], [("http", "valid integer"), ("70000", "65535")]),
    "FLET_SERVER_IP": ("127.0.0.1", [("0.0.0.0", "0.0.0.0"), ("*", "*")], []),
    "FLET_SERVER_UDS_PATH": (None, [("/run/flet_1.sock", Path("/run/flet_1.sock"))], []),
    "FLET_ASSETS_DIR": (None, [("/", Path("/"))], [("/no/such/folder", "there is no such folder")]),
    "FLET_UPLOAD_DIR": (None, [("/srv/up", Path("/srv/up")), ("up", Path.cwd() / "up")], []),
    "FLET_MAX_UPLOAD_SIZE": (
        None,
        [("1000", 1000), ("10MB", 10_000_000), ("10 MiB", 10 * 1024 * 1024), ("1.5kb", 1500)],
        [("big", "10MB or 4GiB"), ("0", "greater than or equal to 1")],
    ),
    "FLET_SECRET_KEY": (None, [(KEY, KEY)], [("short", "at least 16 characters")]),
    "FLET_SECRET_KEY_FALLBACKS": ((), [], [("short", "at least 16 characters")]),
    "FLET_WEB_APP_PATH": (
        "",
        [("/", ""), ("/apps/myapp", "apps/myapp"), ("myapp/", "myapp")],
        [("/my app", "match")],
    ),
    "FLET_SESSION_TIMEOUT": (3600.0, [("60", 60.0)], [("soon", "valid number"), ("0", "greater than 0")]),
    "FLET_OAUTH_STATE_TIMEOUT": (600.0, [("30", 30.0)], [("-1", "greater than 0")]),
    "FLET_WEB_RENDERER": (
        "auto",
        [("canvaskit", "canvaskit"), ("skwasm", "skwasm"), ("AUTO", "auto"), ("html", "canvaskit")],
        [("webgl", "'auto', 'canvaskit' or 'skwasm'")],
    ),
    "FLET_WEB_USE_COLOR_EMOJI": (False, [("True", True), ("1", True)], [("smile", "write true or false")]),
    "FLET_WEB_ROUTE_URL_STRATEGY": (
        "path",
        [("hash", "hash"), ("Hash", "hash")],
        [("query", "'path' or 'hash'")],
    ),
    "FLET_WEBSOCKET_HANDLER_ENDPOINT": ("ws", [("/socket", "socket")], [("/", "match")]),
    "FLET_UPLOAD_HANDLER_ENDPOINT": ("upload", [("/files/new", "files/new")], [("/?", "match")]),
    "FLET_OAUTH_CALLBACK_HANDLER_ENDPOINT": ("oauth_callback", [("/back", "back")], [("a b", "match")]),
    "FLET_WEB_NO_CDN": (True, [("false", False), ("no", False), ("yes", True)], [("2", "write true")]),
    "FLET_DISPLAY_URL_PREFIX": ("", [("PAGE_URL_1", "PAGE_URL_1")], []),
    "FLET_LOG_LEVEL": (
        "warning",
        [("DEBUG", "debug"), ("info", "info"), ("WARN", "warning"), ("FATAL", "critical")],
        [("chatty", "'debug'")],
    ),
}
FIELDS = {variable: field for field, variable in FLET_VARIABLES.items()}


def test_the_table_is_complete() -> None:
    assert TABLE.keys() == set(FLET_VARIABLES.values())


@pytest.mark.parametrize("variable", TABLE)
def test_default(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert getattr(Settings.load(), FIELDS[variable]) == TABLE[variable][0]
    monkeypatch.setenv(variable, "")
    assert getattr(Settings.load(), FIELDS[variable]) == TABLE[variable][0]


@pytest.mark.parametrize(
    ("variable", "value", "meaning"), [(name, *good) for name, row in TABLE.items() for good in row[1]]
)
def test_meaning(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, meaning: Any) -> None:
    monkeypatch.setenv(variable, value)
    assert revealed(getattr(Settings.load(), FIELDS[variable])) == meaning


@pytest.mark.parametrize(
    ("variable", "value", "told"), [(name, *bad) for name, row in TABLE.items() for bad in row[2]]
)
def test_wrong_value(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    message = str(caught.value)
    assert message.startswith(f"{variable} = ")
    assert told in message
    assert (value in message) is ("SECRET" not in variable)


# Field: what the script, Flet's variable, ours and the command line say, and what it then is, from the last
# to the first.
SOURCES: dict[str, tuple[str, tuple[str, str, str], tuple[Any, Any, Any, Any]]] = {
    "app_path": ("name='one'", ("two", "three", "four"), ("four", "three", "two", "one")),
    "host": (
        "host='10.0.0.1'",
        ("10.0.0.2", "10.0.0.3", "10.0.0.4"),
        ("10.0.0.4", "10.0.0.3", "10.0.0.2", "10.0.0.1"),
    ),
    "port": ("port=1", ("2", "3", "4"), (4, 3, 2, 1)),
    "assets_dir": ("assets_dir='one'", ("two", "three", "four"), ("four", "three", "two", "one")),
    "upload_dir": ("upload_dir='one'", ("two", "three", "four"), ("four", "three", "two", "one")),
    "web_renderer": (
        "web_renderer=ft.WebRenderer.SKWASM",
        ("canvaskit", "auto", "skwasm"),
        ("skwasm", "auto", "canvaskit", "skwasm"),
    ),
    "route_url_strategy": (
        "route_url_strategy=ft.RouteUrlStrategy.HASH",
        ("path", "hash", "path"),
        ("path", "hash", "path", "hash"),
    ),
    "no_cdn": ("no_cdn=False", ("true", "false", "true"), (True, False, True, False)),
}


@pytest.mark.parametrize("field", SOURCES)
def test_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    argument, (flets, ours, command_line), expected = SOURCES[field]
    for folder in ("one", "two", "three", "four"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)
    script = tmp_path / f"precedes_{field}.py"
    lines = ("import flet as ft", "def first(page): pass", "def main(page): pass")
    script.write_text("\n".join((*lines, f"ft.run(main, before_main=first, {argument})")))
    program = load_program(str(script))
    assert program.before_main is not None  # nobody else can say it

    def loaded(line: dict[str, str]) -> Any:
        value = getattr(Settings.load(line, program.settings()), field)
        return value.name if isinstance(value, Path) else value

    monkeypatch.setenv(FLET_VARIABLES[field], flets)
    monkeypatch.setenv(PREFIX + field.upper(), ours)
    found = [loaded({field: command_line}), loaded({})]
    monkeypatch.delenv(PREFIX + field.upper())
    found.append(loaded({}))
    monkeypatch.delenv(FLET_VARIABLES[field])
    found.append(loaded({}))
    assert tuple(found) == expected


def test_a_renderer_that_is_gone_is_mentioned() -> None:
    settings = Settings.load(script={"web_renderer": "html"})
    assert settings.web_renderer == "canvaskit"
    assert settings.remarks == (
        "ft.run(web_renderer=…) = 'html': today's Flet client has no such renderer; canvaskit is used",
    )
    assert settings.with_secret_key().with_values(port=1).remarks == settings.remarks
    assert Settings.load(script={"web_renderer": "skwasm"}).remarks == ()


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Settings]:
    """Load what a script's call asks for, with the settings of the environment."""

    def from_call(call: str) -> Settings:
        script = tmp_path / f"called_{len(list(tmp_path.iterdir()))}.py"
        script.write_text(f"import flet as ft\ndef main(page): pass\n{call}\n")
        return Settings.load({}, load_program(str(script)).settings())

    return from_call


def test_assets_that_are_not_there(
    tmp_path: Path, load: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    for call in ("ft.run(main)", "ft.run(main, assets_dir='assets')"):
        assert (load(call).assets_dir, load(call).remarks) == (None, ())
    asked = load("ft.run(main, assets_dir='pictures')")
    assert asked.assets_dir is None
    assert asked.remarks == (f"ft.run(assets_dir=…) = '{tmp_path / 'pictures'}': there is no such folder",)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLET_ASSETS_DIR", "pictures")
    with pytest.raises(SettingsError, match=f"^FLET_ASSETS_DIR = '{tmp_path / 'pictures'}': there is no"):
        load("ft.run(main)")
    monkeypatch.setenv("FLET_DISPLAY_URL_PREFIX", "PAGE_URL_1")  # "flet run" names a folder without looking
    assert (load("ft.run(main)").assets_dir, load("ft.run(main)").remarks) == (None, ())


def test_a_view_of_none_asks_for_no_browser(load: Callable[..., Settings]) -> None:
    assert load("ft.run(main)").open_browser
    assert load("ft.run(main, view=ft.AppView.FLET_APP)").open_browser
    assert not load("ft.run(main, view=None)").open_browser


LOGGING_APP = """\
import logging
import flet as ft

def main(page):
    logging.getLogger("shop").info("a customer")
    logging.getLogger("shop").debug("a detail")

ft.run(main)
"""


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_together_in_a_real_process(tmp_path: Path, workers: str) -> None:
    (tmp_path / "app.py").write_text(LOGGING_APP)
    pictures, port = tmp_path / "pictures", free_port()
    pictures.mkdir()
    (pictures / "dot.png").write_bytes(b"dot")
    env = {
        "FLET_CLUSTER_HOST": "",
        "FLET_SERVER_IP": "127.0.0.1",
        "FLET_SERVER_PORT": str(port),
        "FLET_ASSETS_DIR": "pictures",
        "FLET_WEB_APP_PATH": "/apps/shop",
        "FLET_WEB_RENDERER": "html",
        "FLET_WEB_ROUTE_URL_STRATEGY": "hash",
        "FLET_WEB_NO_CDN": "no",
        "FLET_WEBSOCKET_HANDLER_ENDPOINT": "/socket",
        "FLET_DISPLAY_URL_PREFIX": "PAGE_URL_1",
        "FLET_LOG_LEVEL": "info",
    }
    with started(tmp_path, *COMMAND, "app.py", "--workers", workers, **env) as app:
        url = f"http://127.0.0.1:{port}/apps/shop/"
        eventually(lambda: f"PAGE_URL_1 {url} web_browser\n" in app.output(), "it says where it is")
        async with httpx.AsyncClient(base_url=url) as browser:
            page = (await browser.get("")).text
            assert (await browser.get("dot.png")).content == b"dot"
        for line in (
            'flet.webRenderer = "canvaskit";',
            'flet.routeUrlStrategy = "hash";',
            "flet.noCdn = false;",
            'flet.webSocketEndpoint = "/apps/shop/socket";',
        ):
            assert line in page
        async with open_tab(lambda: [url.replace("http", "ws") + "socket"]):
            assert "INFO" in next(line for line in app.output().splitlines() if "shop: a customer" in line)
        assert app.output().count("FLET_WEB_RENDERER = 'html': today's Flet client has no such renderer") == 1
        assert "a detail" not in app.output()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_wrong_value_is_one_message(tmp_path: Path, workers: str) -> None:
    (tmp_path / "app.py").write_text(APP)
    with started(tmp_path, *COMMAND, "app.py", "--workers", workers, FLET_WEB_NO_CDN="perhaps") as app:
        assert app.wait() == 2
        assert app.output() == (
            "Error: FLET_WEB_NO_CDN = 'perhaps': write true or false (or 1, yes, 0, no)\n"
        )
