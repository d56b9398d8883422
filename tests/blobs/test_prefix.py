"""Where a session's uploads are."""

from __future__ import annotations

import re
import secrets

import pytest

from flet_cluster.blobs.prefix import ONE_FOLDER, SHARED_STORE, UploadPrefix, session_name
from flet_cluster.errors import BadBlobName, SettingsError
from flet_cluster.settings import Settings

SESSION = secrets.token_urlsafe(16)


def test_each_session_has_a_folder_in_a_bucket() -> None:
    prefix = UploadPrefix(SHARED_STORE, "my-app")
    key = prefix.key(SESSION, "in/ü 1.txt")
    assert re.fullmatch(r"my-app/[0-9a-f]{32}/in/ü 1\.txt", key)
    assert key == UploadPrefix(SHARED_STORE, "my-app").key(SESSION, "in/ü 1.txt")
    others = {prefix.of(secrets.token_urlsafe(16)) for _ in range(100)}
    assert len(others) == 100
    assert prefix.of(SESSION) not in others


def test_the_session_is_not_told() -> None:
    assert SESSION not in UploadPrefix(SHARED_STORE, "app").key(SESSION, "a")
    assert session_name("app", SESSION) != session_name("another-app", SESSION)


def test_a_folder_is_as_flet_says() -> None:
    assert UploadPrefix(ONE_FOLDER, "app").key(SESSION, "in/a.txt") == "in/a.txt"


@pytest.mark.parametrize("name", ["../a", "/a", "", "a/../../b", "nul", "x" * 300, "/".join(["x" * 99] * 10)])
def test_no_name_leaves_it(name: str) -> None:
    with pytest.raises(BadBlobName):
        UploadPrefix(SHARED_STORE, "app").key(SESSION, name)


@pytest.mark.parametrize(
    ("given", "meant"),
    [("{app}/{session}/", "{app}/{session}/"), ("/up", "up/"), ("a/{session}", "a/{session}/"), ("/", "")],
)
def test_what_may_be_set(given: str, meant: str) -> None:
    assert Settings.load({"upload_prefix": given}).upload_prefix == meant


@pytest.mark.parametrize("given", ["{token}/", "a//b", "../x", "a/../b", ".", "a b", "{session", "{0}"])
def test_what_may_not(given: str) -> None:
    with pytest.raises(SettingsError, match=r"\{app\} and \{session\}"):
        Settings.load({"upload_prefix": given})
