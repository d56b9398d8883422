"""The demo's S3 server with a bucket for uploads: SeaweedFS (layer 5)."""

from __future__ import annotations

import secrets
import signal
from typing import TYPE_CHECKING

from flet_cluster.demo.child import Child, answer
from flet_cluster.embedded import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NAME = "uploads"
_START_SECONDS = 40.0
_SERVERS = ("s3", "s3.port.iceberg", "s3.port.lance", "master", "volume", "filer", "admin")
_TWIN = 10000
"""Each server of SeaweedFS has a second port, so much higher."""
_LAST_PORT = 65535
_FIXED = (
    *("mini", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-admin.ui=false", "-webdav=false"),
    *("-master.telemetry=false", "-s3.autoCreateBucket=false", "-s3.allowedOrigins=none"),
)


class Bucket:
    """A bucket that browsers upload to.

    Args:
        binary: weed.
        folder: where its files go; it must exist.
    """

    def __init__(self, binary: str, folder: Path) -> None:
        self._binary = binary
        self._folder = folder
        self._port = 0
        self._keys = {
            "AWS_ACCESS_KEY_ID": secrets.token_hex(8),
            "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(24),
        }
        self.child: Child | None = None

    @property
    def env(self) -> Mapping[str, str]:
        """Variables of the nodes that use it."""
        return {
            **self._keys,
            "FLET_CLUSTER_S3_BUCKET": NAME,
            "FLET_CLUSTER_S3_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
            "FLET_CLUSTER_S3_REGION": "us-east-1",
        }

    async def start(self, origins: Sequence[str], launcher: Sequence[str]) -> None:
        """Start the server and make the bucket for an app that is at these addresses.

        Args:
            origins: of the app's pages.
            launcher: the command ``flet-cluster``.

        Raises:
            StartFailed: it cannot.
        """
        ports = {name: _port_with_twin() for name in _SERVERS}
        self._port = ports["s3"]
        options = [f"-{name if '.' in name else name + '.port'}={port}" for name, port in ports.items()]
        sockets = [f"-{name}.localSocket={self._folder}/{name}.sock" for name in ("s3", "filer")]
        command = [self._binary, *_FIXED, f"-dir={self._folder}", *sockets, *options]
        self.child = await Child.start("S3 server", command, self._folder, self._env())
        wishes = [word for origin in origins for word in ("--origin", origin)]
        init = [*launcher, "storage", "init", "--app-name", "demo", "--expire-days", "1", *wishes]
        await self.child.until(lambda: self._made(init), _START_SECONDS)

    async def stop(self) -> None:
        """End the server."""
        if self.child is not None:
            self.child.signal(signal.SIGKILL)  # what it has is thrown away: there is nothing to wait for
            await self.child.stop(1)

    def _env(self) -> Mapping[str, str]:
        return {**self._keys, "TMPDIR": str(self._folder)}  # its logs go there

    async def _made(self, init: Sequence[str]) -> bool:
        """Make the bucket, once the server answers at all."""
        if not (await answer(self._port, "/"))[0]:
            return False
        maker = await Child.start("storage init", init, self._folder, self.env)
        return await maker.process.wait() == 0


def _port_with_twin() -> int:
    while (port := free_port()) + _TWIN > _LAST_PORT:
        pass
    return port
