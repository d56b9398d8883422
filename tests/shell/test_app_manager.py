"""Which apps a process has, what they are called, and what Flet's parameters become."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import flet as ft
import httpx
import pytest

import flet_cluster
import flet_cluster.fastapi as flet_fastapi
from flet_cluster.errors import ProgramError, SettingsError
from flet_cluster.fastapi import manager as managers
from flet_cluster.fastapi.arguments import fields_of
from flet_cluster.fastapi.manager import AppManager
from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from fastapi import FastAPI

KEY = "a secret for tests only, thirty two characters"


def main(page: ft.Page) -> None:
    page.add(ft.Text("hello"))


def other(page: ft.Page) -> None:
    page.add(ft.Text("other"))


def nested(text: str) -> Callable[[ft.Page], None]:
    def inner(page: ft.Page) -> None:
        page.add(ft.Text(text))

    return inner


@contextlib.asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Run an application's lifespan, as a server does."""
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client,
    ):
        yield client


def names(manager: AppManager) -> list[str]:
    return [app.settings.app_name for app in manager.apps]


def test_apps_are_called_by_module_and_function_in_any_order() -> None:
    one, two = AppManager(), AppManager()
    for manager, order in ((one, (main, other)), (two, (other, main))):
        for function in order:
            manager.hosted(function)
    assert names(one) == ["test_app_manager", "test_app_manager.other"]
    assert sorted(names(two)) == names(one)


def test_a_function_inside_another_has_a_name_too() -> None:
    manager = AppManager()
    manager.hosted(nested("a"))
    assert names(manager) == ["test_app_manager.nested.inner"]


def test_a_long_name_is_cut_and_stays_one_of_its_own() -> None:
    manager = AppManager()
    for number in (1, 2):
        function = nested(str(number))
        function.__qualname__ = "x" * 80 + str(number)
        manager.hosted(function)
    assert [len(name) for name in names(manager)] == [60, 60]
    assert len(set(names(manager))) == 2


def test_the_same_app_is_made_once_and_another_one_gets_a_number() -> None:
    manager = AppManager()
    first = manager.hosted(main, None, {"session_timeout": 60})
    assert manager.hosted(main, None, {"session_timeout": 60}) is first
    assert manager.hosted(main, None, {"session_timeout": 61}) is not first
    assert names(manager) == ["test_app_manager", "test_app_manager-2"]


def test_functions_made_for_each_request_are_one_app() -> None:
    manager = AppManager()

    def make() -> Callable[[ft.Page], None]:
        return lambda page: page.add(ft.Text("made"))

    assert manager.hosted(make()) is manager.hosted(make())
    assert manager.hosted(lambda page: None) is not manager.hosted(lambda page: page)


def test_functions_that_hold_different_things_are_different_apps() -> None:
    manager = AppManager()
    assert manager.hosted(nested("a")) is not manager.hosted(nested("b"))


class Shop:
    def __init__(self, name: str) -> None:
        self.name = name

    def main(self, page: ft.Page) -> None:
        page.add(ft.Text(self.name))

    def __call__(self, page: ft.Page) -> None:
        page.add(ft.Text(self.name))


def announced(function: Callable[[ft.Page], None]) -> Callable[[ft.Page], None]:
    @functools.wraps(function)
    def wrapper(page: ft.Page) -> None:
        function(page)

    return wrapper


EACH: dict[str, Callable[[str], Any]] = {
    "nested.inner": nested,
    "greet": lambda name: functools.partial(greet, name),
    "Shop.main": lambda name: Shop(name).main,
    "Shop.__call__": Shop,
    "main": lambda _: main,
    "other": lambda _: announced(other),
}


def greet(name: str, page: ft.Page) -> None:
    page.add(ft.Text(name))


@pytest.mark.parametrize("place", EACH)
def test_all_that_one_piece_of_code_made_is_one_app_of_its_name(place: str) -> None:
    manager = AppManager()
    assert manager.shared(EACH[place]("a")) is manager.shared(EACH[place]("b"))
    assert names(manager) == [f"test_app_manager.{place}"]


def test_names_of_shared_apps_do_not_depend_on_who_came_first() -> None:
    one, two = AppManager(), AppManager()

    def mains() -> list[Any]:
        return [lambda page: None, lambda page: page, *(make("a") for make in EACH.values())]

    calls = [(function, {"session_timeout": seconds}) for function in mains() for seconds in (None, 60, 61)]
    for manager, order in ((one, calls), (two, calls[::-1])):
        for function, fields in order:
            manager.shared(function, fields)
    assert len(set(names(one))) == len(calls)
    assert sorted(names(one)) == sorted(names(two))


def test_a_first_main_is_not_kept_for_the_sessions_of_others() -> None:
    app = AppManager().shared(nested("a"))
    with pytest.raises(RuntimeError, match="did not come with it"):
        app.program.main(None)


def test_two_functions_of_one_name_are_refused() -> None:
    manager = AppManager()
    for text in ("None", "page"):
        exec(f"def made(page): return {text}", globals())
        if text == "None":
            manager.shared(globals()["made"])
    with pytest.raises(ProgramError, match=r"would be called 'test_app_manager.made'. Is made .* twice"):
        manager.shared(globals().pop("made"))


def test_a_shared_app_has_one_secret_key(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = AppManager()
    app = manager.shared(main, {"secret_key": KEY})
    assert manager.shared(main, {"secret_key": KEY}) is app
    with pytest.raises(SettingsError, match="another secret_key"):
        manager.shared(main)
    monkeypatch.setenv("FLET_SECRET_KEY", KEY)
    assert manager.shared(main, {"secret_key": "x" * 40}) is app, "the environment decides for all"


def test_apps_without_end_are_mentioned_once_and_then_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(managers, "MANY_APPS", 3)
    monkeypatch.setattr(managers, "MOST_APPS", 6)
    manager = AppManager()
    for number in range(6):
        manager.hosted(nested(str(number)))
    assert [record.message for record in caplog.records if "more than 3 Flet apps" in record.message] == [
        f"This process has more than 3 Flet apps. {managers._MANY_APPS_HELP}"
    ]
    with pytest.raises(ProgramError, match="has 6 Flet apps, and takes no more"):
        manager.shared(main)


def test_the_name_of_the_cluster_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLET_CLUSTER_APP_NAME", "shop")
    manager = AppManager()
    for function in (main, other):
        manager.hosted(function)
    assert names(manager) == ["shop", "shop.other"]
    assert manager.shared(other).settings.app_name == "shop.test_app_manager.other"


def test_what_the_process_was_started_with_wins() -> None:
    manager = AppManager()
    app = manager.hosted(main, None, {"session_timeout": 60, "drain_timeout": 7})
    manager.configure(Settings(secret_key=KEY, app_name="process", session_timeout=9))  # type: ignore[arg-type]
    assert app.settings.key_ring() == (KEY,)
    assert (app.settings.session_timeout, app.settings.drain_timeout) == (9, 7)
    assert app.settings.app_name == "test_app_manager", "each app keeps the name of its own"


@pytest.mark.parametrize("made", [False, True])
def test_a_key_of_the_scripts_own_is_kept(made: bool) -> None:
    """The environment's is another matter: it has replaced the script's when this is called."""
    manager = AppManager()
    mine, without = manager.hosted(main, None, {"secret_key": KEY}), manager.hosted(other)
    process = Settings(session_timeout=9)
    manager.configure(process.with_secret_key() if made else process.with_values(secret_key="x" * 32))
    assert mine.settings.key_ring() == (KEY,)
    assert mine.settings.session_timeout == 9
    assert without.settings.key_ring() != (KEY,)
    assert manager.own_key() == {"secret_key": KEY}
    assert AppManager().own_key() == {}


@pytest.mark.parametrize("function", [flet_cluster.run, flet_cluster.app])
@pytest.mark.parametrize(
    ("argument", "meant"),
    [("worker", "is workers meant?"), ("assets", "is assets_dir meant?"), ("xyzzy", "nor a setting")],
)
def test_an_argument_that_nobody_knows_is_refused(function: Any, argument: str, meant: str) -> None:
    with pytest.raises(
        SettingsError, match=rf"\.{function.__name__.removeprefix('cluster_')}\({argument}=.*{meant}"
    ):
        function(main, **{argument: 3})


def test_flets_parameters_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "files").mkdir()
    application = flet_fastapi.app(
        main,
        assets_dir="files",
        web_renderer=ft.WebRenderer.CANVAS_KIT,
        route_url_strategy=ft.RouteUrlStrategy.HASH,
        no_cdn=False,
        upload_dir="up",
        upload_endpoint_path="/put/here",
        max_upload_size="1000",
        secret_key=KEY,
        session_timeout_seconds=11,
        oauth_state_timeout_seconds=12,
    )
    settings = application.state.cluster_app.settings
    assert settings.assets_dir == tmp_path / "files"
    assert settings.upload_dir == tmp_path / "up"
    assert (settings.web_renderer, settings.route_url_strategy, settings.no_cdn) == (
        "canvaskit",
        "hash",
        False,
    )
    assert (settings.upload_endpoint, settings.max_upload_size) == ("put/here", 1000)
    assert settings.key_ring() == (KEY,)
    assert (settings.session_timeout, settings.oauth_state_timeout) == (11, 12)


def test_the_environment_wins_over_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLET_SESSION_TIMEOUT", "99")
    application = flet_fastapi.app(main, session_timeout_seconds=11)
    assert application.state.cluster_app.settings.session_timeout == 99


def test_a_wrong_parameter_is_named() -> None:
    with pytest.raises(SettingsError, match="max_upload_size"):
        flet_fastapi.app(main, max_upload_size="plenty")


def test_an_app_needs_its_main() -> None:
    with pytest.raises(ProgramError, match="main function"):
        flet_fastapi.app()
    assert flet_fastapi.app(session_handler=main) is not None


def test_assets_that_are_not_there_are_mentioned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert fields_of({"assets_dir": "assets"}) == {}
        assert not caplog.text, "a folder by that name is looked for without being asked for"
        assert fields_of({"assets_dir": "pictures"}) == {}
    assert "pictures" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((main,), {}),
        ((), {"session_handler": main}),
        ((main, 60), {}),
        ((None, None, main, other), {}),
        ((), {"loop": None, "executor": None, "main": main, "before_main": other}),
    ],
)
def test_both_spellings_of_a_flet_app(arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    assert callable(flet_fastapi.FletApp(*arguments, **options).handle)


def test_a_flet_app_as_today_with_loop_and_executor() -> None:
    loop, executor = asyncio.new_event_loop(), flet_fastapi.app_manager.executor
    assert isinstance(executor, ThreadPoolExecutor)
    flet_fastapi.FletApp(loop, executor, main, None, session_timeout_seconds=5)
    loop.close()
    with pytest.raises(TypeError, match="main function"):
        flet_fastapi.FletApp(loop, executor)


def test_shutdown_removes_temporary_folders(tmp_path: Path) -> None:
    manager, folder = AppManager(), tmp_path / "temporary"
    folder.mkdir()
    manager.add_temp_dir(str(folder))
    asyncio.run(manager.shutdown())
    assert not folder.exists()


async def test_a_fastapi_of_ours_calls_its_hooks_around_the_apps() -> None:
    calls: list[str] = []

    async def started() -> None:
        calls.append("started")

    app = flet_fastapi.FastAPI(on_startup=[started], on_shutdown=[lambda: calls.append("stopped")])
    app.mount("/", flet_fastapi.app(main))

    @app.get("/late")
    def late() -> str:
        return "added after the app at the root"

    async with served(app) as client:
        assert calls == ["started"]
        assert (await client.get("/late")).json() == "added after the app at the root"
        assert (await client.get("/readyz")).json() == {"status": "ready"}
    assert calls == ["started", "stopped"]


async def test_run_can_export_as_well() -> None:
    async with served(flet_cluster.run(main, export_asgi_app=True)) as client:
        assert "<base href" in (await client.get("/")).text
