"""Amazon's services, as far as moto's server plays them: a process of its own on loopback."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import botocore.session
import httpx
from botocore.config import Config
from tests.shell.running import eventually, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "us-east-1"
ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Amazon:
    """A running server."""

    url: str

    @property
    def env(self) -> dict[str, str]:
        """What a process needs to take it for Amazon."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str) -> Any:
        """A client of one service."""
        return _client(self.url, service)

    @contextlib.contextmanager
    def demanding_credentials(self) -> Iterator[None]:
        """Let it refuse credentials that it has not given out, until the block ends."""
        httpx.post(f"{self.url}/moto-api/reset-auth", content="0")
        try:
            yield
        finally:
            httpx.post(f"{self.url}/moto-api/reset-auth", content="inf")


@functools.cache
def _client(url: str, service: str) -> Any:
    """Make a client once: reading the description of a service takes a while."""
    return botocore.session.get_session().create_client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(s3={"addressing_style": "path"}),
    )


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{url}/moto-api/").status_code == 200
    return False


@contextlib.contextmanager
def running_amazon() -> Iterator[Amazon]:
    """Start it, and stop it with the block."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "MOTO_ECS_NEW_ARN": "true"},
    )
    try:
        amazon = Amazon(f"http://127.0.0.1:{port}")
        eventually(lambda: _answers(amazon.url), "moto's server answers")
        yield amazon
    finally:
        process.terminate()
        process.wait(10)
