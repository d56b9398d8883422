"""One process that the demo started, and that ends with it, however that ends (layer 5)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Any

from flet_cluster.embedded import GROUP, die_with_parent
from flet_cluster.errors import StartFailed

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

_DIRECT = {
    name: ",".join(filter(None, (os.environ.get(name), "127.0.0.1,localhost")))
    for name in ("NO_PROXY", "no_proxy")
}
"""Variables by which the demo's programs reach each other without the user's proxy, and others with it."""
_LAST = 1500
"""Characters of a log that an error shows."""
_LOOK_SECONDS = 0.05


class Child:
    """A running program. Start it from the main thread: Linux ends it with the thread that started it.

    Attributes:
        name: for people.
        log: where its output goes.
        process: as asyncio has it.
    """

    def __init__(self, name: str, log: Path, process: Process) -> None:
        self.name = name
        self.log = log
        self.process = process

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str],
        folder: Path,
        env: Mapping[str, str] | None = None,
        *,
        cwd: Path | None = None,
    ) -> Child:
        """Start a program.

        Args:
            name: for people.
            command: its words.
            folder: gets its log.
            env: added to the environment.
            cwd: its current directory; ``folder``, if it is not given.
        """
        log = folder / f"{name.replace(' ', '-')}.log"
        options: dict[str, Any] = {"process_group": GROUP, "preexec_fn": die_with_parent()}
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=cwd or folder,
                env={**os.environ, **_DIRECT, **(env or {})},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                **options,
            )
        return cls(name, log, process)

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.process.returncode is None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        if self.runs:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    async def stop(self, patience: float) -> None:
        """Ask it to end; kill it after so many seconds. Harmless when repeated."""
        self.signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), patience)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self.process.wait()

    async def until(self, ready: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Wait until it is ready.

        Raises:
            StartFailed: it has ended, or takes longer than so many seconds; says what its log says last.
        """
        try:
            async with asyncio.timeout(seconds):
                while self.runs:
                    if await ready():
                        return
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            raise StartFailed(f"{self.name} is not ready after {seconds:g} s.\n{self.last_words()}") from None
        raise StartFailed(f"{self.name} {self.end()} at its start.\n{self.last_words()}")

    def last_words(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-_LAST:].strip()

    def end(self) -> str:
        """Say how it ended."""
        code = self.process.returncode or 0
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"


async def answer(port: int, path: str, seconds: float = 2.0) -> tuple[int, bytes]:
    """GET something of a server on loopback.

    Returns:
        Status and body; 0 and nothing if there is no answer within so many seconds.
    """
    request = f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    writer = None
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request.encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            return int(head.split(maxsplit=2)[1]), body
    except (OSError, TimeoutError, ValueError, IndexError):
        return 0, b""
    finally:
        if writer is not None:
            writer.close()
