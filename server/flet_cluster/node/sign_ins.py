"""Sign-ins on their way: what is remembered while a user is at an identity provider (layer 3).

The *state* that Flet made up goes to the provider and comes back with the user, to whatever node. It is known
for a while, bound to its session and to the browser of that, if it has one, and good for one answer.
"""

from __future__ import annotations

import contextlib
import logging
import re
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import msgpack

from flet_cluster.errors import StoreError

if TYPE_CHECKING:
    from flet_cluster.host.sign_in import SignIn
    from flet_cluster.node.node import Node

logger = logging.getLogger("flet_cluster.node")

_NOBODY = "nobody"
"""The binding of a browser that cannot be known again: no cookie has this hash."""
_STATE = re.compile(r"[\x21-\x7e]{1,256}")
LATE_SECONDS = 3600.0
"""How long after its end it is known whose a sign-in was: its app is told that the user came too late."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in that waits for its user to come back.

    Attributes:
        session_id: whose it is.
        binding: hash of the cookie its browser has; "" for native clients, whose users are asked.
        page_html: what to show when the user comes back; "" for the usual.
        page_url: where to go then; "" for nowhere.
    """

    session_id: str
    binding: str
    page_html: str
    page_url: str


class SignIns:
    """Keeps and finds them, in the store of all nodes."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def keep(self, session_id: str, binding: str, begun: SignIn) -> None:
        """Remember a sign-in as long as the settings say, and not the one before. Raises StoreUnavailable."""
        if begun.web and not binding:
            logger.warning(
                "session %s: its sign-in cannot be completed: its browser sent neither the app's cookie nor "
                "an Origin with the websocket's handshake; does a proxy leave them out?",
                session_id,
            )
        binding = binding or (_NOBODY if begun.web else "")
        pending = Pending(session_id, binding, begun.page_html, begun.page_url)
        seconds = self._node.settings.oauth_state_timeout
        await self._keep(_late(begun.state), pending, seconds + LATE_SECONDS)
        await self._keep(_name(begun.state), pending, seconds)
        if begun.instead_of != begun.state and _STATE.fullmatch(begun.instead_of):
            await self.close(begun.instead_of)

    async def find(self, state: str) -> Pending | None:
        """Return the sign-in of a state; None if there is none, none any more, or none of ours.

        It stays until :meth:`close`: a node that dies before the answer is safe must not lose it.

        Raises:
            StoreUnavailable: come back later.
        """
        return await self._find(_name(state)) if _STATE.fullmatch(state) else None

    async def find_late(self, state: str) -> Pending | None:
        """Return the sign-in of a state that nobody answered in time; None if there is none.

        Raises:
            StoreUnavailable: come back later.
        """
        return await self._find(_late(state)) if _STATE.fullmatch(state) else None

    async def close(self, state: str) -> None:
        """The answer is in its session's inbox: another one is none.

        If the store does not hear of it, the inbox drops the next one, or the session that has taken this.
        """
        with contextlib.suppress(StoreError):
            for name in (_late(state), _name(state)):
                await self._node.store.take(name)

    async def _keep(self, name: str, pending: Pending, seconds: float) -> None:
        sealed = self._node.vault.seal_kept(name, msgpack.packb(astuple(pending)))
        await self._node.store.keep(name, sealed, seconds)

    async def _find(self, name: str) -> Pending | None:
        sealed = await self._node.store.kept(name)
        payload = self._node.vault.open_kept(name, sealed) if sealed is not None else None
        return Pending(*msgpack.unpackb(payload)) if payload is not None else None


def _name(state: str) -> str:
    return f"oauth:{state}"


def _late(state: str) -> str:
    return f"oauth-late:{state}"
