"""Many users in a process of their own, who do what they are told: ``python -m tests.bench.crowd URL KIND``.

Reads commands from standard input, one JSON value a line, and answers each with one line:

    ["open", 2000]   open so many pages, some at a time; answers with how many are open
    ["click", 20]    everybody clicks once, so many at a time; answers with the seconds each took
    ["leave"]        everybody closes the page; answers when all sockets are closed
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.events import CLICK, LinkUser, PlainUser
from websockets.asyncio.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

AT_ONCE = 20
"""Pages that are opened at the same time."""
PING_SECONDS = 10.0
"""How often a link says that it is still there, as resume.js does."""
SILENCE = 0.05
"""After so long without a packet a page has all that it is sent."""
KINDS: dict[str, type[PlainUser]] = {"stock": PlainUser, "plain": PlainUser, "link": LinkUser}


class Person:
    """One user with an open page."""

    def __init__(self, kind: type[PlainUser]) -> None:
        self.user = kind()
        self.socket: Any = None
        self._closing = contextlib.AsyncExitStack()

    async def open(self, url: str) -> None:
        """Open the page and wait until it is there and quiet."""
        connecting = connect(
            url, subprotocols=self.user.subprotocols, compression=None, max_size=None, ping_interval=None
        )
        self.socket = await self._closing.enter_async_context(connecting)
        await self.user.begin(self.socket)
        await self.quiet()

    async def quiet(self) -> None:
        """Take in what still comes, and say that it is here."""
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(SILENCE):
                    message = await self.socket.recv()
                if isinstance(self.user, LinkUser):
                    self.user.link.receive(message)
        if isinstance(self.user, LinkUser):
            for message in self.user.link.data_to_send(ack=True):
                await self.socket.send(message)

    async def click(self) -> float:
        """One click and its patch; returns seconds."""
        packet = self.user.client.step(CLICK)[0]
        began = time.perf_counter()
        await self.user.click(self.socket, packet)
        took = time.perf_counter() - began
        await self.quiet()
        return took

    async def ping(self) -> None:
        """Say that the page is still there."""
        if isinstance(self.user, LinkUser):
            await self.socket.send('{"type":"ping"}')

    async def leave(self) -> None:
        """Close the page."""
        await self._closing.aclose()


class Crowd:
    """All of them."""

    def __init__(self, url: str, kind: str) -> None:
        self._url = url
        self._kind = KINDS[kind]
        self._people: list[Person] = []
        self._room = asyncio.Semaphore(AT_ONCE)

    async def do(self, what: str, *arguments: Any) -> Any:
        """Carry out one command."""
        if what == "open":
            await asyncio.gather(*(self._open() for _ in range(arguments[0])))
            return len(self._people)
        if what == "click":
            room = asyncio.Semaphore(arguments[0])
            return await asyncio.gather(*(self._click(person, room) for person in self._people))
        people, self._people = self._people, []
        for person in people:
            await person.leave()
        return 0

    async def _open(self) -> None:
        async with self._room:
            person = Person(self._kind)
            await person.open(self._url)
            self._people.append(person)

    @staticmethod
    async def _click(person: Person, room: asyncio.Semaphore) -> float:
        async with room:
            return await person.click()

    async def keep_alive(self) -> None:
        """Ping for everybody, for ever."""
        while True:
            await asyncio.sleep(PING_SECONDS)
            for person in list(self._people):
                with contextlib.suppress(Exception):
                    await person.ping()


async def _serve(url: str, kind: str) -> None:
    crowd = Crowd(url, kind)
    pinging = asyncio.create_task(crowd.keep_alive())
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await crowd.do(*json.loads(line))), flush=True)
    pinging.cancel()


class Remote:
    """A crowd in another process, seen from here."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def tell(self, *command: Any) -> None:
        """Give a command, and do not wait."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """Wait for the answer to the oldest command without one."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the crowd's process has ended; its error is above")
        return json.loads(line)

    def do(self, *command: Any) -> Any:
        """Give a command and wait for its answer."""
        self.tell(*command)
        return self.answer()


@contextlib.contextmanager
def crowd(url: str, kind: str, module: str = "tests.bench.crowd") -> Iterator[Remote]:
    """Start a crowd; its process is ended at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, url, kind],
        cwd=Path(__file__).parent.parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Remote(process)
    finally:
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
