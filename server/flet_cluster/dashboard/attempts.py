"""How often passwords may be tried, counted by all nodes together (layer 4: asks the store's port)."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flet_cluster.stores.base import SessionStore

PER_ADDRESS = 5
"""Attempts of one address within :data:`SECONDS`."""
ALTOGETHER = 20
"""Attempts of all addresses within :data:`SECONDS`. Who has many addresses gets no further than this."""
SECONDS = 60.0
_AT_ONCE = 0.001
"""How soon a slot that is given back is free, seconds."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody may try a password once.

    Attributes:
        slots: what this takes of what is allowed, by name; given back if the password was right.
        mark: what is in them: this attempt's own.
    """

    slots: tuple[str, ...]
    mark: bytes


class Attempts:
    """Lets so many attempts through and no more.

    What is allowed are *slots* in the store, each of which is taken for a while: they hold for all nodes, and
    need no clock of ours.

    Args:
        store: returns the store, connected. What it raises goes on to who asks for an attempt.
    """

    def __init__(self, store: Callable[[], Awaitable[SessionStore]]) -> None:
        self._store = store

    async def take(self, address: str, bearer: str = "") -> Attempt | None:
        """Return one attempt for an address; None if it, or everybody, has to wait.

        Args:
            address: of who tries.
            bearer: of which ticket; such a browser, which has been in before, waits for nobody but itself.

        Raises:
            ClusterError: there is no store to count in.
        """
        store = await self._store()
        mark = secrets.token_bytes(8)
        if bearer:
            slot = await self._slot(store, f"login.again.{_digest(bearer)}", PER_ADDRESS, mark)
            return Attempt((slot,), mark) if slot else None
        own = await self._slot(store, f"login.{_group(address)}", PER_ADDRESS, mark)
        common = own and await self._slot(store, "login", ALTOGETHER, mark)
        return Attempt((own, common), mark) if own and common else None

    async def give_back(self, attempt: Attempt) -> None:
        """The password was right: this attempt does not count."""
        store = await self._store()
        for slot in attempt.slots:
            await store.claim(slot, secrets.token_bytes(8), _AT_ONCE, instead_of=attempt.mark)

    async def _slot(self, store: SessionStore, prefix: str, count: int, mark: bytes) -> str:
        """Take one of so many slots; "" if all are taken."""
        for number in range(count):
            name = f"{prefix}.{number}"
            if await store.claim(name, mark, SECONDS) is None:
                return name
        return ""


def _group(address: str) -> str:
    """Return what stands for an address: who has one of IPv6 has all of its network."""
    with contextlib.suppress(ValueError):
        found = ip_address(address)
        if isinstance(found, IPv6Address):
            address = str(ip_network((found, 64), strict=False))
    return _digest(address)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
