"""Messages between the supervisor and a worker (layer 5: knows nothing of what they mean).

One socket pair per worker, JSON lines both ways, and the listening socket as a passed descriptor. Settings
with secrets travel here: not in arguments or the environment, which others can read. The end of the channel
tells each side that the other is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHUNK = 65536

Message = dict[str, Any]


def jsonable(values: Mapping[str, Any]) -> Message:
    """Return values in a form that a message can carry: paths as text."""
    return {name: str(value) if isinstance(value, os.PathLike) else value for name, value in values.items()}


class WorkerEnd:
    """The worker's end: blocking, because a worker has nothing else to do until it is told.

    Args:
        descriptor: number of the inherited socket.
    """

    def __init__(self, descriptor: int) -> None:
        # The app's own child processes must not keep the channel open.
        os.set_inheritable(descriptor, False)
        self._socket = socket.socket(fileno=descriptor)
        self._sending = threading.Lock()
        self._buffer = b""
        self._descriptors: list[int] = []

    def send(self, message: Message) -> None:
        """Send a message, from any thread; a supervisor that is gone does not matter here."""
        with self._sending, contextlib.suppress(OSError):
            self._socket.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> Message | None:
        """Wait for a message; None when the supervisor is gone."""
        while b"\n" not in self._buffer:
            data, descriptors, _, _ = socket.recv_fds(self._socket, _CHUNK, 1)
            if not data:
                return None
            self._descriptors += descriptors
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: Message = json.loads(line)
        return message

    def take_socket(self) -> socket.socket:
        """Return the socket that came with the last message."""
        return socket.socket(fileno=self._descriptors.pop())


class SupervisorEnd:
    """The supervisor's end, on its event loop."""

    def __init__(self) -> None:
        self._socket, self.workers = socket.socketpair()
        self._socket.setblocking(False)
        self._buffer = b""

    def send(self, message: Message, passed: socket.socket | None = None) -> None:
        """Send a message, with a socket if given; a worker that is gone is noticed elsewhere."""
        data = json.dumps(message).encode() + b"\n"
        try:
            socket.send_fds(self._socket, [data], [passed.fileno()] if passed else [])
        except OSError:
            return

    async def receive(self) -> Message | None:
        """Wait for a message; None when the worker is gone."""
        while b"\n" not in self._buffer:
            try:
                data = await asyncio.get_running_loop().sock_recv(self._socket, _CHUNK)
            except OSError:
                return None
            if not data:
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: Message = json.loads(line)
        return message

    def close(self) -> None:
        """Close both ends as far as they are this process's."""
        self._socket.close()
        self.workers.close()
