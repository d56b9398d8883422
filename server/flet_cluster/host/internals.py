"""Every private name of Flet that the host touches (layer 3: imports Flet).

Checked when the host is imported, so that a Flet release which moved something fails at start with the name
of what is missing, not in the middle of somebody's session. What the diff notes on controls is left out:
``fast_diff`` reads that only where Flet's text is known.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

import flet
from flet import data_channel
from flet.auth.oauth_provider import OAuthProvider
from flet.components import router
from flet.components.hooks.use_effect import EffectHook
from flet.components.observable import Observable, ObservableDict, ObservableList, ObservableSubscription
from flet.controls import base_control, client_action, context, id_counter, object_patch, value_types
from flet.controls.base_control import BaseControl
from flet.controls.core.raw_image import RawImage
from flet.controls.icon_data import IconData
from flet.controls.page import Page, ServiceRegistry
from flet.messaging.connection import Connection
from flet.messaging.session import Session
from flet.pubsub.pubsub_client import PubSubClient
from flet.utils import object_model, validation

from flet_cluster.errors import FletNotSupported
from flet_cluster.host import left

SESSION_CONNECTION = "_Session__conn"
SESSION_ID = "_Session__id"
SESSION_INDEX = "_Session__index"
SESSION_METHOD_CALLS = "_Session__method_calls"
SESSION_CANCEL_CALLS = "_Session__cancel_method_calls"
SESSION_METHOD_RESULTS = "_Session__method_call_results"
SESSION_UPDATES_TASK = "_Session__updates_task"
SESSION_EXPIRES_AT = "_Session__expires_at"
SESSION_PENDING_UPDATES = "_Session__pending_updates"
SESSION_PENDING_EFFECTS = "_Session__pending_effects"
SESSION_CLOSED = "_Session__closed"
PUBSUB_HUB = "_PubSubClient__pubsub"
PAGE_SESSION = "_Page__session"
PAGE_AUTHORIZATION = "_Page__authorization"
PAGE_SET_VISIBLE = "_Page__set_app_visible"
SUBSCRIPTION_DISPOSER = "_ObservableSubscription__disposer"
REGISTRY_LOCK = "_lock"
EFFECT_TASKS = ("_setup_task", "_cleanup_task")
IMAGE_ACKS = "_pending_acks"
TRACKED_SETATTR = "_control_setattr"
CONTROL_CLASS_MARK = "__flet_control_cls__"

_SET_BY: tuple[tuple[type, str, tuple[str, ...]], ...] = (
    (
        Session,
        "__init__",
        (
            SESSION_CONNECTION,
            SESSION_ID,
            SESSION_INDEX,
            SESSION_METHOD_CALLS,
            SESSION_METHOD_RESULTS,
            SESSION_UPDATES_TASK,
            SESSION_EXPIRES_AT,
            SESSION_PENDING_UPDATES,
            SESSION_PENDING_EFFECTS,
            SESSION_CLOSED,
        ),
    ),
    (PubSubClient, "__init__", (PUBSUB_HUB,)),
    (ObservableSubscription, "__post_init__", (SUBSCRIPTION_DISPOSER,)),
    (Page, "__post_init__", (PAGE_SESSION, PAGE_AUTHORIZATION)),
    (ServiceRegistry, "__post_init__", (REGISTRY_LOCK,)),
    (EffectHook, "cancel", EFFECT_TASKS),
    (ObservableList, "__init__", ("_owner_ref", "_field")),
    (ObservableDict, "__init__", ("_owner_ref", "_field")),
    (RawImage, "init", (IMAGE_ACKS,)),
)
"""(class, method, attributes that the method assigns or reads)."""

_HELD_BY: tuple[tuple[object, tuple[str, ...]], ...] = (
    (object_patch, (TRACKED_SETATTR, "logger")),
    (object_patch.DiffBuilder, ("_compare_values", "_compare_dataclasses")),
    (object_patch.DiffBuilder, ("_compare_lists", "_compare_dicts")),
    (value_types, ("_install_props",)),
    (context, ("_context_page",)),
    (data_channel, ("_ProtocolMuxedDataChannel",)),
    (getattr(data_channel, "_ProtocolMuxedDataChannel", None), ("_deliver",)),
    (client_action, ("_shared_services",)),
    (id_counter.ControlId, ("_counter", "_lock")),
    (BaseControl, ("__hash__", "_before_update_safe", "_trigger_event", "page", "update")),
    (BaseControl, ("_prop_defaults", "_structural_fields")),
    (Connection, ("send_message", "dispose", "pubsubhub", "loop", "executor")),
    (Observable, ("subscribe", "_notify")),
    (IconData, ("_member_map_",)),
    (Session, (SESSION_CANCEL_CALLS, "patch_control", "schedule_update", "schedule_effect")),
    (base_control, ("get_event_field_type", "get_param_count", "validate")),
    (validation, ("_compile_class_spec", "_resolve_allow_none_for_field", "_annotation_allows_none")),
    (validation, ("_get_effective_type_hints", "_REPORTED_VALIDATION_ERRORS_KEY")),
    (object_model, ("get_type_hints",)),
    (router, ("_params_context", "_outlet_context", "_location_context", "_MISSING")),
    (Page, ("run_task", "run_thread", "login", "logout", "_trigger_event", "auth", PAGE_SET_VISIBLE)),
    (OAuthProvider, ("_fetch_user", "_fetch_groups")),
    (Session, ("dispatch_event", "apply_patch", "get_page_patch", "start_updates_scheduler", "after_event")),
    (Session, ("invoke_method",)),
)
"""(module, class or object, attributes it must have)."""


def forget_session(page: Page) -> None:
    """Let each use of a page's session raise what Flet raises for one that is no more (RuntimeError)."""
    setattr(page, PAGE_SESSION, left.refuse)  # in place of its weak reference


def seen_again(page: Page) -> None:
    """Let what waits until the page is visible go on: ``RawImage``, charts, apps."""
    getattr(page, PAGE_SET_VISIBLE)(True)


def missing() -> list[str]:
    """Return the names that the installed Flet does not have where they are expected."""
    gone = [
        f"{_name(holder)}.{name}" for holder, names in _HELD_BY for name in names if not hasattr(holder, name)
    ]
    for cls, method, names in _SET_BY:
        mentioned = _mentioned(getattr(cls, method, None))
        gone.extend(f"{cls.__name__}.{name} (in {method})" for name in names if name not in mentioned)
    return gone


def check() -> None:
    """Refuse a Flet release that the host does not know.

    Raises:
        FletNotSupported: names what is missing.
    """
    gone = missing()
    if gone:
        version = getattr(flet, "__version__", "?")
        raise FletNotSupported(
            f"Flet {version} lacks {', '.join(gone)}: install a release this package supports"
        )


def _mentioned(function: Any) -> frozenset[str]:
    function = getattr(function, "__wrapped__", function)
    if not isinstance(function, FunctionType):
        return frozenset()
    names = set(function.__code__.co_names)
    for cell in function.__closure__ or ():  # @control wraps __post_init__ in a closure
        if isinstance(cell.cell_contents, FunctionType):
            names |= _mentioned(cell.cell_contents)
    return frozenset(names)


def _name(holder: object) -> str:
    return str(getattr(holder, "__name__", type(holder).__name__))


check()
