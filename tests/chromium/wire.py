"""A piece of network between the browser and the balancer that can stop carrying without saying so."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator


@dataclass(eq=False)
class _Line:
    """One connection."""

    ends: list[asyncio.StreamWriter]
    dead: bool = False

    def end(self) -> None:
        for end in self.ends:
            end.transport.abort()


@dataclass
class Wire:
    """Forwards to a port, on a loop in a thread of its own.

    Attributes:
        carried: bytes that went to the target so far.
        held: set when :meth:`hold` takes effect.
    """

    target: int
    port: int = 0
    carried: int = 0
    held: threading.Event = field(default_factory=threading.Event)
    _until: float = math.inf
    _lines: set[_Line] = field(default_factory=set)

    @property
    def url(self) -> str:
        """The app's address through this wire."""
        return f"http://127.0.0.1:{self.port}/"

    def hang(self) -> int:
        """Carry nothing on today's connections; both ends look alive. New ones work. Returns how many."""
        lines = [line for line in self._lines if not line.dead]
        for line in lines:
            line.dead = True
        return len(lines)

    def hold(self, after: int) -> None:
        """Let so many more bytes go to the target, and none after these before :meth:`release`."""
        self._until = self.carried + after

    def release(self) -> None:
        """Carry everything again."""
        self._until = math.inf

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until one end closes it."""
        line = _Line([writer])
        self._lines.add(line)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
            line.ends.append(back)
            await asyncio.gather(self._carry(line, reader, back, up=True), self._carry(line, there, writer))
        except OSError:
            pass  # nobody listens there just now
        finally:
            self._lines.discard(line)
            line.end()

    async def _carry(
        self, line: _Line, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, up: bool = False
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if up:
                    await self._held_back()
                    self.carried += len(data)
                if not line.dead:
                    sink.write(data)
                    await sink.drain()
        if not line.dead:
            sink.close()

    async def _held_back(self) -> None:
        """Wait for :meth:`release`, which comes from another thread."""
        while self.carried >= self._until:
            self.held.set()
            await asyncio.sleep(0.01)

    async def close(self, server: asyncio.Server) -> None:
        """End everything, and wait until it has ended."""
        self.release()
        server.close()
        for line in self._lines:
            line.end()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
        await server.wait_closed()
        await asyncio.sleep(0)  # aborted transports close in the loop's next round


@contextlib.contextmanager
def wire_to(port: int) -> Iterator[Wire]:
    """Run a wire to a port; in a thread, since Playwright's own loop occupies the test's."""
    wire = Wire(port)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="wire")
    thread.start()
    opening = asyncio.start_server(wire.serve, "127.0.0.1", 0)
    server = asyncio.run_coroutine_threadsafe(_awaited(opening), loop).result()
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        asyncio.run_coroutine_threadsafe(wire.close(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _awaited(opening: Awaitable[asyncio.Server]) -> asyncio.Server:
    return await opening
