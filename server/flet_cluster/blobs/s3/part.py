"""What is collected of an upload until it can be sent on (layer 2: imports the standard library, layer 0).

In memory, for as many uploads as there is room for; for more in temporary files. So slow browsers, however
many, take neither memory without end nor the place of others.
"""

from __future__ import annotations

import tempfile
from typing import IO, Any, Protocol

from flet_cluster.errors import BlobStoreFull


class Part(Protocol):
    """Collected bytes. All methods may block, but for those of a part in memory.

    Attributes:
        size: how many there are.
        in_memory: whether it is there.
    """

    size: int
    in_memory: bool

    def add(self, data: memoryview) -> None:
        """Take more. Raises BlobStoreFull."""

    def body(self) -> Any:
        """Return all of it, as botocore takes it."""

    def clear(self) -> None:
        """Forget it."""

    def close(self) -> None:
        """Be of no further use."""


class MemoryPart:
    """See :class:`Part`."""

    in_memory = True

    def __init__(self) -> None:
        self.size = 0
        self._data = bytearray()

    def add(self, data: memoryview) -> None:
        """Take more."""
        self._data += data
        self.size += len(data)

    def body(self) -> Any:
        """Return all of it."""
        return self._data

    def clear(self) -> None:
        """Forget it."""
        self._data, self.size = bytearray(), 0

    def close(self) -> None:
        """Forget it."""
        self.clear()


class DiskPart:
    """See :class:`Part`; the file has no name, and ends with its process."""

    in_memory = False

    def __init__(self) -> None:
        self.size = 0
        self._file: IO[bytes] | None = None

    def add(self, data: memoryview) -> None:
        """Take more. Raises BlobStoreFull: the disk of this node has no room."""
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="flet-cluster-")  # noqa: SIM115  see close()
            self._file.write(data)
        except OSError as error:
            raise BlobStoreFull("there is no room for this upload on the server") from error
        self.size += len(data)

    def body(self) -> Any:
        """Return all of it."""
        if self._file is None:
            return b""
        self._file.seek(0)
        return self._file

    def clear(self) -> None:
        """Forget it."""
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
        self.size = 0

    def close(self) -> None:
        """Give the room on the disk back."""
        if self._file is not None:
            self._file.close()
            self._file = None
