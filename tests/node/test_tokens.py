"""A token names its session, and is useless in other hands."""

from __future__ import annotations

import pytest

from flet_cluster.errors import TokenRefused
from flet_cluster.node.tokens import Tokens, binding_of, new_cookie, new_session_id

OLD, NEW = "an old key of thirty two characters", "a new key of thirty two characters"


def test_a_token_carries_session_binding_and_instance() -> None:
    tokens, cookie = Tokens([NEW], "app"), new_cookie()
    issued = tokens.issue(new_session_id(), binding_of(cookie), "page-1")
    assert tokens.verify(issued.text, cookie) == issued


def test_an_id_is_no_option() -> None:
    ids = {new_session_id() for _ in range(2000)}
    assert len(ids) == 2000
    assert not [id_ for id_ in ids if id_.startswith("-")]


@pytest.mark.parametrize("cookie", [None, "", "another"])
def test_a_stolen_token_without_the_cookie_is_refused(cookie: str | None) -> None:
    tokens = Tokens([NEW], "app")
    token = tokens.issue("session", binding_of(new_cookie()), "").text
    with pytest.raises(TokenRefused, match="another browser"):
        tokens.verify(token, cookie)


def test_a_native_client_needs_the_signed_token_only() -> None:
    tokens = Tokens([NEW], "app")
    assert tokens.verify(tokens.issue("session", "", "").text, None).session_id == "session"


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: "x" + t, lambda _: "", lambda _: "session"])
def test_a_changed_token_is_refused(change: object) -> None:
    tokens = Tokens([NEW], "app")
    token = tokens.issue("session", "", "").text
    assert callable(change)
    with pytest.raises(TokenRefused, match="not signed"):
        tokens.verify(change(token), None)


def test_keys_rotate() -> None:
    token = Tokens([OLD], "app").issue("session", "", "").text
    assert Tokens([NEW, OLD], "app").verify(token, None).session_id == "session"
    with pytest.raises(TokenRefused):
        Tokens([NEW], "app").verify(token, None)


def test_apps_do_not_take_each_others_tokens() -> None:
    token = Tokens([NEW], "one").issue("session", "", "").text
    with pytest.raises(TokenRefused):
        Tokens([NEW], "two").verify(token, None)
