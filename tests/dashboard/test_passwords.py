"""Passwords of the dashboard: what is refused at start, and that a hash is as good as the password."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.dashboard.conftest import PASSWORD

from flet_cluster import passwords
from flet_cluster.errors import SettingsError
from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

HASH = passwords.hashed(PASSWORD)


pytestmark = pytest.mark.usefixtures("no_settings")


def loaded(monkeypatch: pytest.MonkeyPatch, env: Mapping[str, str]) -> Settings:
    """Settings as of this environment."""
    for name, value in env.items():
        monkeypatch.setenv(f"FLET_CLUSTER_DASHBOARD_{name}", value)
    return Settings.load()


def test_a_hash_stands_for_its_password_and_does_not_tell_it() -> None:
    assert passwords.matches(HASH, PASSWORD)
    assert not passwords.matches(HASH, HASH)
    assert not passwords.matches(HASH, PASSWORD + "x")
    assert passwords.matches(PASSWORD, PASSWORD)
    assert not passwords.matches(PASSWORD, "")
    assert passwords.hashed(PASSWORD) != HASH
    with pytest.raises(ValueError, match="at least 12"):
        passwords.hashed("short")


@pytest.mark.parametrize(
    ("password", "trouble"),
    [
        ("elevenchars", "at least 12 characters"),
        ("aaaaaaaaaaaaaaaa", "first that are guessed"),
        ("MyPassword12345", "first that are guessed"),
        ("x1y2z3" * 500, "at most 1024"),
        pytest.param(HASH[:-8], "not a whole hash", id="cut"),
        pytest.param("scrypt:2:" + HASH.split(":", 2)[2], "not a whole hash", id="quick"),
        pytest.param("scrypt:30:" + HASH.split(":", 2)[2], "not a whole hash", id="endless"),
    ],
)
def test_a_weak_password_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, password: str, trouble: str
) -> None:
    with pytest.raises(SettingsError, match=trouble) as refused:
        loaded(monkeypatch, {"PASSWORD": password})
    assert password not in str(refused.value)
    assert "secrets.token_urlsafe" in str(refused.value)
    assert "FLET_CLUSTER_DASHBOARD_PASSWORD" in str(refused.value)


@pytest.mark.parametrize("password", [PASSWORD, HASH], ids=["itself", "hashed"])
def test_the_dashboard_is_off_unless_there_is_a_password(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    assert loaded(monkeypatch, {"PASSWORD": ""}).dashboard_password is None
    settings = loaded(monkeypatch, {"PASSWORD": password, "PATH": "/ops/cluster/"})
    assert settings.dashboard_path == "ops/cluster"
    assert password not in repr(settings)


def test_a_path_alone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="a dashboard needs a password"):
        loaded(monkeypatch, {"PATH": "ops", "PASSWORD": ""})


@pytest.mark.parametrize(
    "path", ["healthz", "readyz/x", "metrics", "ws", "upload", "oauth_callback", "assets"]
)
def test_a_path_that_hides_something_is_refused(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    with pytest.raises(SettingsError, match="something else is there"):
        loaded(monkeypatch, {"PATH": path, "PASSWORD": PASSWORD})


@pytest.mark.parametrize("path", ["ops", "ops/shop", "ops/shop/ws", "ops/shop/assets"])
def test_an_app_is_not_below_the_dashboard(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Its users would be asked for the operators' password."""
    monkeypatch.setenv("FLET_WEB_APP_PATH", "ops/shop")
    with pytest.raises(SettingsError, match="something else is there"):
        loaded(monkeypatch, {"PATH": path, "PASSWORD": PASSWORD})
    for fine in ("flet-cluster", "op", "ops/cluster", "ops/shop/cluster", "ws"):
        assert loaded(monkeypatch, {"PATH": fine, "PASSWORD": PASSWORD}).dashboard_path == fine


def test_the_command_makes_a_hash_and_refuses_weak_ones() -> None:
    def made(password: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flet_cluster.cli", "hash-password"]
        return subprocess.run(
            command, input=f"{password}\n", capture_output=True, text=True, timeout=60, check=False
        )

    done = made(PASSWORD)
    assert passwords.matches(done.stdout.strip(), PASSWORD), done.stderr
    weak = made("short")
    assert weak.returncode
    assert "at least 12 characters" in weak.stderr
    assert "short" not in weak.stderr
