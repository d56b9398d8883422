"""The link between a browser and whatever node it reaches, as pure state machines.

Layer 1: bytes in, events and bytes out. Imports the standard library, msgpack and layer 0 only: no asyncio,
no Flet, no clock; randomness and time are arguments. ``client/resume.js`` is the other end; the class
:class:`~flet_cluster.protocol.client_link.ClientLink` is that end in Python, for tests and load.
"""

from flet_cluster.protocol.client_link import ClientLink, ClientState
from flet_cluster.protocol.close import ClientAction, CloseCode, action
from flet_cluster.protocol.frames import PLAIN_SUBPROTOCOL, SUBPROTOCOL
from flet_cluster.protocol.limits import Limits
from flet_cluster.protocol.link import LinkState, ServerLink
from flet_cluster.protocol.outbox import Outbox

__all__ = [
    "PLAIN_SUBPROTOCOL",
    "SUBPROTOCOL",
    "ClientAction",
    "ClientLink",
    "ClientState",
    "CloseCode",
    "Limits",
    "LinkState",
    "Outbox",
    "ServerLink",
    "action",
]
