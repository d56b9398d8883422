"""A client for a bucket, and what its errors mean (layer 2: imports boto3). Everything here blocks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from flet_cluster.blobs.s3.credentials import KeptCredentials, keep_credentials
from flet_cluster.errors import (
    BadBlobName,
    BlobError,
    BlobMissing,
    BlobStoreFull,
    BlobStoreUnavailable,
    BlobStoreUnusable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flet_cluster.blobs.s3.options import S3Options

CONNECTIONS: Final = 32
"""Connections that are kept open to the server."""
_ENDPOINTS_REGION = "us-east-1"
"""What servers other than Amazon's take any client to be in, if nobody says."""
_FULL = frozenset({"QuotaExceeded", "InsufficientStorage", "StorageFull", "XMinioStorageFull"})
_MISSING = frozenset({"NoSuchKey", "404"})
_FIRST_ERROR = 400
_ANSWERS = frozenset({404, 416})
"""Statuses that say something of a blob and nothing of its server: there is none, or it ends before."""

Failed = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Connection:
    """A client of boto3, which any thread may use, and its credentials."""

    client: Any
    credentials: KeptCredentials
    options: S3Options


def connect(options: S3Options, failed: Failed = lambda _operation, _kind: None) -> Connection:
    """Find credentials and make a client; sends nothing to the bucket's server.

    Args:
        options: which bucket.
        failed: told of each request that was not served, in the thread that made it: what it was called, and
            "refused" or "unreachable".

    Raises:
        BlobStoreUnusable: says what is to be set.
    """
    try:
        session = get_session()
        credentials = keep_credentials(session)
        region = options.region or session.get_config_variable("region")
        client = boto3.session.Session(botocore_session=session).client(
            "s3",
            endpoint_url=options.endpoint_url,
            region_name=region or (_ENDPOINTS_REGION if options.endpoint_url else None),
            config=_config(options),
        )
    except (BotoCoreError, ValueError) as error:
        raise BlobStoreUnusable(f"{options.place} cannot be used: {error}") from error
    _watch(client.meta.events, failed)
    return Connection(client, credentials, options)


def _watch(events: Any, failed: Failed) -> None:
    """Have it told of failures. That something is not there is an answer, unless it is the bucket."""

    def answered(*, http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
        missing = http_response.status_code in _ANSWERS and model.name != "HeadBucket"
        no_bucket = parsed.get("Error", {}).get("Code") == "NoSuchBucket"
        if http_response.status_code >= _FIRST_ERROR and (no_bucket or not missing):
            failed(model.name, "refused")

    def silent(*, event_name: str, **_: Any) -> None:
        failed(event_name.rpartition(".")[2], "unreachable")

    events.register("after-call.s3", answered)
    events.register("after-call-error.s3", silent)


def _config(options: S3Options) -> Config:
    """Return what is the same for all requests.

    Checksums only where S3 wants them: they would have to be signed, and some servers do not know them.
    """
    return Config(
        signature_version="s3v4",
        s3={"addressing_style": options.style},
        retries={"mode": "standard", "total_max_attempts": 3},
        connect_timeout=5,
        read_timeout=60,
        max_pool_connections=CONNECTIONS,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        user_agent_extra="flet-cluster",
    )


def code_of(error: ClientError) -> str:
    """Return what S3 calls an error; HEAD has no body, so it is the status then."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextlib.contextmanager
def explained(name: str = "") -> Iterator[None]:
    """Say what an error means for who uses the blob ``name``; the operator finds its cause in it.

    Raises:
        BlobError: in place of what boto3 raises.
    """
    try:
        yield
    except ClientError as error:
        raise _meaning(error, name) from error
    except BotoCoreError as error:
        raise BlobStoreUnavailable("the store of uploads does not answer") from error


def _meaning(error: ClientError, name: str) -> BlobError:
    code = code_of(error)
    if code in _MISSING:
        return BlobMissing(f"there is no upload {name!r}")
    if code in _FULL:
        return BlobStoreFull("there is no room for this upload in its store")
    if code == "KeyTooLongError":
        return BadBlobName(f"an upload cannot be called {name!r}: its store takes shorter names only")
    if code == "NoSuchBucket":
        return BlobStoreUnavailable("the store of uploads is gone")
    return BlobStoreUnavailable(f"the store of uploads refuses ({code})")
