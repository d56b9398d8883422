"""The fake client sends what the real one was recorded to send, and patches as Flet's Dart code does."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from tests.browser import MEDIA, Browser
from tests.canonical import Canonical
from tests.flet_client import FletClient
from tests.mirror import Mirror, dump
from tests.page_dump import difference
from tests.steps import Change, Click, Dismiss, Find, Key, Resize, Route
from tests.wire import Action, WireError, decode, encode

TEXT = {"_c": "Text", "_i": 9, "value": "0"}
BUTTON = {"_c": "Button", "_i": 10, "content": "Add", "on_click": True}
FIELD = {"_c": "TextField", "_i": 11, "label": "x"}
VIEW = {"_c": "View", "_i": 3, "route": "/", "controls": [TEXT, BUTTON, FIELD]}
PAGE = {
    "views": [VIEW],
    "_dialogs": {"_c": "Dialogs", "_i": 5},
    "_overlay": {"_c": "Overlay", "_i": 4},
    "_services": {"_c": "ServiceRegistry", "_i": 7, "_internals": {"uid": "51FOJYEnoU"}},
    "window": {"_c": "Window", "_i": 2},
    "_c": "Page",
    "_i": 1,
}


def registered(page: dict[str, Any] = PAGE) -> FletClient:
    """A client that has got its register response."""
    client = FletClient()
    client.feed(response(page))
    return client


def response(page: dict[str, Any] = PAGE) -> bytes:
    """A register response of the server."""
    return encode(Action.REGISTER_CLIENT, {"session_id": "1GeC3HREgful81Z9", "page_patch": page, "error": ""})


def patched(client: FletClient, target: int, *patch: Any) -> list[tuple[Action, dict[Any, Any]]]:
    """Replies to a patch."""
    packet = encode(Action.PATCH_CONTROL, {"id": target, "patch": list(patch)})
    return [decode(reply) for reply in client.feed(packet)]


def test_the_first_packet_is_what_chromium_sent() -> None:
    action, body = decode(FletClient().register())
    assert action is Action.REGISTER_CLIENT
    assert list(body) == ["session_id", "page_name", "page"]
    assert body["session_id"] is None
    assert list(body["page"]) == [
        *("route", "pwa", "web", "debug", "wasm", "test", "multi_view", "pyodide"),
        *("platform_brightness", "width", "height", "platform", "window", "media"),
    ]


def test_a_reload_names_its_session_and_takes_the_page_name_from_the_address() -> None:
    client = registered()
    client.step(Route("/x/y/z?q=1"))
    _, body = decode(client.reload().register())
    assert body["session_id"] == "1GeC3HREgful81Z9"
    assert body["page_name"] == "x/y"


def test_what_waited_for_the_registration_is_sent_after_it() -> None:
    sent = [decode(packet) for packet in FletClient().feed(response())]
    assert sent == [
        (Action.UPDATE_CONTROL_PROPS, {"id": 1, "props": {"platform_brightness": "light"}}),
        (Action.CONTROL_EVENT, {"target": 1, "name": "platform_brightness_change", "data": "light"}),
        (Action.UPDATE_CONTROL_PROPS, {"id": 1, "props": {"media": MEDIA}}),
        (Action.UPDATE_CONTROL_PROPS, {"id": 1, "props": {"width": 1280.0, "height": 720.0}}),
    ]


def test_a_failed_registration_is_a_crash() -> None:
    client = FletClient()
    error = {"session_id": "s", "page_patch": {}, "error": "before_main failed"}
    assert client.feed(encode(Action.REGISTER_CLIENT, error)) == []
    assert client.crashes == ["before_main failed"]
    assert not client.registered


def test_the_route_changes_before_the_call_is_answered() -> None:
    call = {"control_id": 1, "call_id": "RKwLUx03w3", "name": "push_route", "args": {"route": "/x"}}
    replies = [decode(packet) for packet in registered().feed(encode(Action.INVOKE_METHOD, call))]
    answer = {"control_id": 1, "call_id": "RKwLUx03w3", "result": None, "error": None}
    assert replies == [
        (Action.UPDATE_CONTROL_PROPS, {"id": 1, "props": {"route": "/x"}}),
        (Action.CONTROL_EVENT, {"target": 1, "name": "route_change", "data": {"route": "/x"}}),
        (Action.INVOKE_METHOD, answer),
    ]


def test_a_call_of_a_missing_control_is_an_error() -> None:
    call = {"control_id": 99, "call_id": "c", "name": "focus"}
    (reply,) = registered().feed(encode(Action.INVOKE_METHOD, call))
    assert "inexistent control: 99" in decode(reply)[1]["error"]


def test_scripted_answers_come_before_the_built_in_ones() -> None:
    browser = Browser(replies={"Clipboard.get": "scripted", "Share.text": RuntimeError("denied")})
    assert browser.answer("Clipboard.get", {}) == ("scripted", None)
    assert browser.answer("Share.text", {}) == (None, "denied")
    browser.answer("SharedPreferences.set", {"key": "a", "value": 1})
    assert browser.answer("SharedPreferences.get_keys", {"key_prefix": ""}) == (["a"], None)
    assert browser.answer("SharedPreferences.remove", {"key": "a"}) == (True, None)


def test_a_closed_dialog_is_reported_as_recorded() -> None:
    client = registered()
    dialog = {"_c": "AlertDialog", "_i": 14, "open": True, "on_dismiss": True}
    assert patched(client, 5, [0], [0, 0, "controls", [dialog]]) == []
    assert patched(client, 14, [0], [0, 0, "open", False]) == [
        (Action.UPDATE_CONTROL_PROPS, {"id": 14, "props": {"open": False}}),
        (Action.CONTROL_EVENT, {"target": 14, "name": "dismiss", "data": None}),
    ]


def test_a_snack_bar_says_that_it_was_dismissed() -> None:
    client = registered()
    bar = {"_c": "SnackBar", "_i": 16, "open": True, "on_dismiss": True}
    patched(client, 5, [0], [0, 0, "controls", [bar]])
    sent = [decode(packet) for packet in client.step(Dismiss(Find(type="SnackBar")))]
    assert sent == [
        (Action.UPDATE_CONTROL_PROPS, {"id": 16, "props": {"_dismissed": True}}),
        (Action.UPDATE_CONTROL_PROPS, {"id": 16, "props": {"open": False}}),
        (Action.CONTROL_EVENT, {"target": 16, "name": "dismiss", "data": None}),
    ]


def test_a_change_is_written_and_reported_only_if_somebody_listens() -> None:
    client = registered()
    assert [decode(packet)[0] for packet in client.step(Change("x", "hi"))] == [Action.UPDATE_CONTROL_PROPS]
    patched(client, 11, [0], [0, 0, "on_change", True])
    assert [decode(packet)[0] for packet in client.step(Change("x", "ho"))] == [
        Action.UPDATE_CONTROL_PROPS,
        Action.CONTROL_EVENT,
    ]
    assert client.find(Find("x")).get("value") == "ho"


def test_keys_and_sizes_are_sent_without_listeners() -> None:
    client = registered()
    assert decode(client.step(Key("A"))[0])[1]["data"]["key"] == "A"
    assert [decode(packet)[0] for packet in client.step(Resize(900.0, 700.0))] == [
        Action.UPDATE_CONTROL_PROPS,
        Action.CONTROL_EVENT,
    ]


def test_what_is_hidden_or_disabled_cannot_be_used() -> None:
    client = registered()
    patched(client, 10, [0], [0, 0, "disabled", True])
    with pytest.raises(LookupError, match="disabled"):
        client.step(Click("Add"))
    patched(client, 10, [0], [0, 0, "visible", False])
    with pytest.raises(LookupError):
        client.step(Click("Add"))


def mirror(**props: Any) -> Mirror:
    """A page with these properties."""
    return Mirror({"_c": "Page", "_i": 1, **props})


def test_all_operations_work_on_lists() -> None:
    tree = mirror(items=["a", "b", "c"])
    paths = [0, {"items": [1]}]
    tree.patch(1, [paths, [1, 1, 3, "d"], [2, 1, 0], [3, 1, 2, 1, 0], [0, 1, 1, "B"]])
    assert tree.page.props["items"] == ["d", "B", "c"]


def test_all_operations_work_on_maps() -> None:
    tree = mirror(here={"a": 1}, there={"z": 0})
    paths = [0, {"here": [1], "there": [2]}]
    tree.patch(1, [paths, [1, 1, "b", 2], [3, 1, "a", 2, "a"], [2, 2, "z"], [0, 1, "b", 3]])
    assert tree.page.props == {"here": {"b": 3}, "there": {"a": 1}}


def test_paths_lead_through_controls_lists_and_maps() -> None:
    tree = mirror(views=[{"_c": "View", "_i": 3, "controls": [TEXT], "theme": {"colors": {"seed": "red"}}}])
    paths = [0, {"views": [1, {0: [2, {"controls": [3, {0: [4]}], "theme": [5, {"colors": [6]}]}]}]}]
    tree.patch(1, [paths, [0, 4, "value", "1"], [0, 6, "seed", "blue"]])
    assert tree.index[9].props["value"] == "1"
    assert tree.index[3].props["theme"] == {"colors": {"seed": "blue"}}


@pytest.mark.parametrize("operation", [[1, 1, 5, "x"], [2, 1, 1], [2, 1, -1], [3, 1, 0, 1, 7], [9, 1, 0]])
def test_what_dart_refuses_is_refused(operation: list[Any]) -> None:
    with pytest.raises(WireError):
        mirror(items=["a"]).patch(1, [[0, {"items": [1]}], operation])


def test_a_patch_of_an_unknown_control_is_ignored() -> None:
    tree = mirror(value=1)
    tree.patch(77, [[0], [0, 0, "value", 2]])
    assert tree.page.props == {"value": 1}


def test_removed_controls_leave_the_index() -> None:
    tree = mirror(content=TEXT)
    tree.patch(1, [[0], [0, 0, "content", None]])
    assert 9 not in tree.index


def test_a_register_response_is_merged_so_old_properties_stay() -> None:
    tree = mirror(title="old", media={"a": 1, "b": 2}, window={"_c": "Window", "_i": 2, "width": 5})
    tree.merge(tree.page, {"_c": "Page", "_i": 1, "media": {"a": 3}, "window": {"_c": "Window", "_i": 2}})
    assert dump(tree.page) == {
        "_c": "Page",
        "_i": 1,
        "media": {"a": 3, "b": 2},
        "title": "old",
        "window": {"_c": "Window", "_i": 2, "width": 5},
    }


def test_canonical_packets_differ_in_nothing_but_what_is_random() -> None:
    canonical = Canonical()
    packet = canonical.packet(response())
    assert len(packet) == len(response())
    assert b"1GeC3HREgful81Z9" not in packet
    assert b"51FOJYEnoU" not in packet
    call = {"control_id": 1, "call_id": "RKwLUx03w3", "name": "focus", "args": {}}
    assert decode(canonical.packet(encode(Action.INVOKE_METHOD, call)))[1]["call_id"] == "1111111111"
    crash = canonical.packet(encode(Action.SESSION_CRASHED, {"message": "boom\nTraceback …"}))
    assert decode(crash)[1] == {"message": "boom"}


def test_sorted_packets_are_the_same_for_every_hash_seed() -> None:
    one, other = Canonical(sort_keys=True), Canonical(sort_keys=True)
    backwards = dict(reversed(PAGE.items()))
    assert one.packet(response()) == other.packet(response(backwards))


def test_dates_pass_through_unchanged() -> None:
    date = msgpack.ExtType(1, b"2024-03-20")
    tree = mirror()
    tree.patch(1, [[0], [0, 0, "value", date]])
    assert tree.page.props["value"] == date


def test_differences_are_named_by_their_path() -> None:
    left, right = {"a": [1, {"b": 2}], "c": 1}, {"a": [1, {"b": 3}], "d": 1}
    assert list(difference(left, right)) == [".a[1].b: 2 != 3", ".c: only left", ".d: only right"]
