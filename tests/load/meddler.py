"""A man in the middle between users and an app: ``python -m tests.load.meddler ws://…/ws MODE``.

What it does to the second event of each session:

    honest        nothing
    drop          it does not arrive
    break         it arrives, and the connection breaks before any answer
    swallow       it does not arrive, and the connection breaks
    double        it arrives twice
    swap          something harmless arrives in its place, under its number: the link notices nothing
    forget        the node "forgets" it: the next welcome over the link says that it never came
    double-answer what the app answers to it arrives twice
"""

from __future__ import annotations

import asyncio
import json
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING

import websockets
from tests.wire import Action, decode, encode
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from flet_cluster.protocol.frames import KIND_DATA, SUBPROTOCOL

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

NTH = 2
HEADER = 9
INDEX = '<base href="/"><script>flet.webSocketEndpoint="ws";</script>'
HARMLESS = encode(Action.UPDATE_CONTROL_PROPS, {"id": 1, "props": {"width": 1281.0}})


class Meddler:
    """What is done to one websocket, which is cut when it ``breaks``, and closed once it is ``answered``."""

    def __init__(self, mode: str, *, link: bool) -> None:
        self.mode = mode
        self.breaks = self.answered = False
        self._link = link
        self._events = 0
        self._repaired = False

    def up(self, message: str | bytes) -> list[str | bytes]:
        """What the app gets instead of a user's message."""
        packet = self._packet(message)
        if packet is None or decode(packet)[0] is not Action.CONTROL_EVENT:
            return [message]
        self._events += 1
        if self._events != NTH:
            return [message]
        self.breaks = self.mode in {"break", "swallow"}
        assert isinstance(message, bytes)
        instead: dict[str, list[str | bytes]] = {
            "drop": [],
            "swallow": [],
            "double": [message, message],
            "swap": [message[: -len(packet)] + HARMLESS],
        }
        return instead.get(self.mode, [message])

    def down(self, message: str | bytes) -> list[str | bytes]:
        """What the user gets instead of the app's message."""
        if self._packet(message) is None or self._events < NTH:
            return [message]
        self.answered = self.mode == "forget"
        if self.mode == "double-answer" and not self._repaired:
            self._repaired = True
            return [message, message]
        return [message]

    def _packet(self, message: str | bytes) -> bytes | None:
        """The packet of Flet's in a message."""
        if not isinstance(message, bytes):
            return None
        if not self._link:
            return message
        return message[HEADER:] if message[0] == KIND_DATA else None


class Server:
    """Stands between; one connection to the app for each of a user's."""

    def __init__(self, url: str, mode: str) -> None:
        self._url = url
        self._mode = mode
        self._meddled: set[str] = set()

    async def serve(self, user: ServerConnection) -> None:
        """Carry messages both ways until one side ends."""
        link = user.subprotocol == SUBPROTOCOL
        offered = [websockets.Subprotocol(SUBPROTOCOL)] if link else None
        async with connect(self._url, subprotocols=offered, max_size=None, compression=None) as app:
            meddler = Meddler(self._mode, link=link)
            ways = [
                asyncio.create_task(self._up(user, app, meddler)),
                asyncio.create_task(self._down(app, user, meddler)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await user.close(app.close_code if app.close_code not in {None, 1005, 1006} else 1001)

    async def _up(self, user: ServerConnection, app: ClientConnection, meddler: Meddler) -> None:
        async for message in user:
            if isinstance(message, str) and '"hello"' in message and json.loads(message)["token"]:
                meddler.mode = "honest"  # it was meddled with before
            for sent in meddler.up(message):
                await app.send(sent)
            if meddler.breaks:
                user.transport.abort()

    async def _down(self, app: ClientConnection, user: ServerConnection, meddler: Meddler) -> None:
        async for message in app:
            for sent in meddler.down(self._forgetful(message)):
                await user.send(sent)
            if meddler.answered:
                return  # and the connection is closed, after this

    def _forgetful(self, message: str | bytes) -> str | bytes:
        """What the node says when it comes back, with one input less."""
        if self._mode != "forget" or not isinstance(message, str) or '"welcome"' not in message:
            return message
        welcome = json.loads(message)
        return json.dumps({**welcome, "rx": welcome["rx"] - 1}) if welcome["resumed"] else message


def page(connection: ServerConnection, request: Request) -> Response | None:
    """Answer what is no websocket with a page that names the socket."""
    if "upgrade" in request.headers.get("Connection", "").lower():
        return None
    return connection.respond(HTTPStatus.OK, INDEX)


def choose(_connection: ServerConnection, offered: object) -> websockets.Subprotocol | None:
    """Speak the link if the user offers it."""
    return websockets.Subprotocol(SUBPROTOCOL) if SUBPROTOCOL in list(offered) else None  # type: ignore[call-overload]


async def main(url: str, mode: str) -> None:
    """Serve for ever; prints the port."""
    server = Server(url, mode)
    async with serve(
        server.serve,
        "127.0.0.1",
        0,
        process_request=page,
        select_subprotocol=choose,
        max_size=None,
        compression=None,
    ) as listening:
        print(listening.sockets[0].getsockname()[1], flush=True)
        await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
