"""A real S3 server for tests: SeaweedFS on loopback, all its ports free ones.

One is started for a test run; tests keep apart by a bucket of their own. Keys are :data:`KEYS`, which
boto3 finds in the environment.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tests.shell.running import SLOWNESS, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = {"AWS_ACCESS_KEY_ID": "a-key-for-tests", "AWS_SECRET_ACCESS_KEY": "a-secret-key-for-tests-only"}
WRITER = {"AWS_ACCESS_KEY_ID": "who-may-only-write", "AWS_SECRET_ACCESS_KEY": "another-secret-key-for-tests"}
"""Keys of somebody who may put objects, and nothing else."""
REGION = "us-east-1"
DOMAIN = "s3.test"
"""Its name where buckets are named in the host; nobody but tests resolves that."""
START_SECONDS = 60 * SLOWNESS
_ANY_FREE = (
    "s3.port",
    "s3.port.iceberg",
    "s3.port.lance",
    "master.port",
    "volume.port",
    "filer.port",
    "admin.port",
)
_GRPC = 10000
"""Each server of SeaweedFS has another port, this much higher."""


@dataclass
class Storage:
    """A SeaweedFS server."""

    folder: Path
    ports: dict[str, int] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    _client: Any = None

    @property
    def endpoint(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.ports['s3.port']}"

    def start(self) -> None:
        """Start it, on the ports and with the data of before, and wait until it answers."""
        self.ports = self.ports or {name: _port_with_another() for name in _ANY_FREE}
        (self.folder / "who.json").write_text(
            json.dumps({"identities": [_who("admin", KEYS), _who("write", WRITER)]})
        )
        options = [
            f"-s3.config={self.folder}/who.json",
            *(f"-{name}={port}" for name, port in self.ports.items()),
        ]
        fixed = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-admin.ui=false", "-webdav=false"]
        quiet = [
            "-master.telemetry=false",
            "-s3.autoCreateBucket=false",
            "-s3.allowedOrigins=none",
            f"-s3.domainName={DOMAIN}",
            f"-dir={self.folder}",
        ]
        sockets = [f"-s3.localSocket={self.folder}/s3.sock", f"-filer.localSocket={self.folder}/filer.sock"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(Path(sys.executable).with_name("weed")), "mini", *fixed, *quiet, *sockets, *options],
                env={**os.environ, **KEYS},
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        self._wait()

    def _wait(self) -> None:
        give_up_at = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up_at:
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            with contextlib.suppress(BotoCoreError, ClientError):
                name = self.bucket()
                self.client().put_object(Bucket=name, Key="first", Body=b"x")
                self.client().delete_object(Bucket=name, Key="first")
                return
            time.sleep(0.1)
        raise TimeoutError((self.folder / "log").read_text()[-2000:])

    def kill(self) -> None:
        """End it at once; :meth:`start` brings it back."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(20)

    def client(self) -> Any:
        """An S3 client that has nothing to do with the package's own."""
        if self._client is None:
            self._client = self._connected()
        return self._client

    def _connected(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},
                connect_timeout=5,
                read_timeout=30,
            ),
        )

    def bucket(self) -> str:
        """Make a bucket that no other test uses; return its name."""
        name = f"test-{secrets.token_hex(6)}"
        self.client().create_bucket(Bucket=name)
        return name

    def keys(self, bucket: str) -> list[str]:
        """Names of all objects."""
        found = self.client().list_objects_v2(Bucket=bucket).get("Contents", [])
        return sorted(entry["Key"] for entry in found)

    def content(self, bucket: str, key: str) -> bytes:
        """What an object holds."""
        body: bytes = self.client().get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def unfinished(self, bucket: str) -> list[str]:
        """Names of multipart uploads that are neither complete nor aborted."""
        found = self.client().list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        return sorted(entry["Key"] for entry in found)

    def env(self, bucket: str) -> dict[str, str]:
        """What a node needs to use it."""
        own = {"FLET_CLUSTER_S3_BUCKET": bucket, "FLET_CLUSTER_S3_ENDPOINT_URL": self.endpoint}
        return {**KEYS, **own, "FLET_CLUSTER_S3_REGION": REGION}


def _who(action: str, keys: dict[str, str]) -> dict[str, Any]:
    """Somebody the server knows, with what they may do."""
    pair = {"accessKey": keys["AWS_ACCESS_KEY_ID"], "secretKey": keys["AWS_SECRET_ACCESS_KEY"]}
    return {"name": action, "credentials": [pair], "actions": [action.capitalize()]}


def _port_with_another() -> int:
    """Find a free port whose twin for gRPC is free as well."""
    while True:
        port = free_port()
        if port + _GRPC < 65536:
            return port


@contextlib.contextmanager
def storage() -> Iterator[Storage]:
    """Run a server of one's own."""
    with tempfile.TemporaryDirectory(prefix="weed-") as folder:
        server = Storage(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.kill()
