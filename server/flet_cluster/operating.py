"""Opens a running cluster for an operator, from settings (layer 5: loads neither Flet nor an app)."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

from flet_cluster.bus.redis import RedisBus
from flet_cluster.errors import (
    BusUnavailable,
    SealBroken,
    SettingsError,
    StartFailed,
    StoreRefuses,
    StoreUnavailable,
)
from flet_cluster.inspection import Inspector
from flet_cluster.node.control import Control
from flet_cluster.node.vault import Vault
from flet_cluster.reaching import place_of, why_not_started
from flet_cluster.snapshot.seal import KeyRing
from flet_cluster.stores.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from flet_cluster.model import Record
    from flet_cluster.settings import Settings

_TRIED = 5
"""Records that the secret key is tried on."""


@contextlib.asynccontextmanager
async def open_control(settings: Settings) -> AsyncIterator[tuple[RedisStore, Control]]:
    """Open a cluster's store, and a way to talk to its nodes.

    Args:
        settings: with the cluster's Redis, app name and secret key.

    Raises:
        SettingsError: something of the three is not given.
        StartFailed: Redis cannot be used; also when it goes away later.
    """
    if settings.secret_key is None:
        raise SettingsError(
            "Nodes do what they are told under their own key: set FLET_SECRET_KEY as they have it."
        )
    async with _open_store(settings) as store:
        name, url = settings.app_name, _url(settings)
        async with contextlib.AsyncExitStack() as stack:
            bus = RedisBus(url, name)
            stack.push_async_callback(bus.stop)
            await bus.start()
            operator = f"operator-{secrets.token_hex(6)}"  # nodes answer to its channel
            vault = Vault(KeyRing(settings.key_ring()), name)
            control = Control(bus, vault, operator, {}, {})
            stack.push_async_callback(control.stop)
            await control.start()
            await _verify(store, vault)
            yield store, control


async def _verify(store: RedisStore, vault: Vault) -> None:
    """Try the key on some records. Raises SettingsError if it opens none of them."""
    page = await store.sketches("", _TRIED)
    small = sorted((sketch for sketch in page.sketches if sketch.snapshot), key=lambda one: one.snapshot)
    records = [await store.peek(sketch.session_id) for sketch in small[:_TRIED]]
    found = [record for record in records if record is not None]
    if found and not any(_opens(vault, record) for record in found):
        raise SettingsError(
            "The secret key here opens none of the app's sessions. Set FLET_SECRET_KEY as the nodes have it, "
            "or set none to read only what can be read without."
        )


def _opens(vault: Vault, record: Record) -> bool:
    try:
        vault.graph(record.session_id, record.commit)
    except SealBroken:
        return False
    return True


@contextlib.asynccontextmanager
async def open_cluster(settings: Settings, *, acting: bool = False) -> AsyncIterator[Inspector]:
    """Open a cluster to read it; with the secret key its nodes can be asked as well.

    Args:
        settings: with the cluster's Redis and app name.
        acting: the secret key must be there.

    Raises:
        SettingsError: something is not given.
        StartFailed: Redis cannot be used; also when it goes away later.
    """
    if settings.secret_key is None and not acting:
        async with _open_store(settings) as store:
            yield Inspector(store)
    else:
        async with open_control(settings) as (store, control):
            yield Inspector(store, control)


@contextlib.asynccontextmanager
async def _open_store(settings: Settings) -> AsyncIterator[RedisStore]:
    """Open the store; what goes wrong with Redis while it is used becomes a message."""
    for name, value in (("redis-url", settings.redis_url), ("app-name", settings.app_name)):
        if not value:
            variable = f"FLET_CLUSTER_{name.upper().replace('-', '_')}"
            raise SettingsError(f"Which cluster? Give --{name} or {variable}, as the nodes have it.")
    store = RedisStore(_url(settings), settings.app_name)
    try:
        await store.start()
        yield store
    except (StoreUnavailable, StoreRefuses, BusUnavailable) as error:
        raise StartFailed(why_not_started(error, settings)[0] or str(error)) from error
    finally:
        await store.stop()


def nobody(settings: Settings) -> str:
    """Return what to say of a cluster without nodes."""
    name, place = settings.app_name, place_of(settings)
    return f"No node of the app {name!r} gives signs of life in the Redis at {place}."


def _url(settings: Settings) -> str:
    assert settings.redis_url is not None
    return settings.redis_url.get_secret_value()
