"""A first look at a bucket: what would let all uploads fail is said at start (layer 2). Blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from flet_cluster.blobs.s3.connection import code_of
from flet_cluster.errors import BlobStoreUnusable

if TYPE_CHECKING:
    from flet_cluster.blobs.s3.connection import Connection

_TO_FIX = {
    "NoSuchBucket": "there is none of that name (FLET_CLUSTER_S3_BUCKET): flet-cluster storage init makes it",
    "InvalidAccessKeyId": "the server does not know the access key (AWS_ACCESS_KEY_ID)",
    "SignatureDoesNotMatch": "the secret (AWS_SECRET_ACCESS_KEY) is not that of the access key, or a proxy "
    "changes requests",
    "ExpiredToken": "the credentials have expired",
    "InvalidToken": "the session's token (AWS_SESSION_TOKEN) does not belong to the access key",
    "RequestTimeTooSkewed": "this machine's clock is wrong by more than a quarter of an hour",
    "InvalidBucketName": "no bucket can have that name (FLET_CLUSTER_S3_BUCKET)",
    "AuthorizationHeaderMalformed": "it is in another region: set FLET_CLUSTER_S3_REGION",
    "PermanentRedirect": "it is in another region: set FLET_CLUSTER_S3_REGION",
    "IllegalLocationConstraintException": "it is in another region: set FLET_CLUSTER_S3_REGION",
}
"""What S3 calls it → what it is, and what to do."""
_REGION = "x-amz-bucket-region"


def look(connection: Connection) -> str:
    """Return what the operator should know; "" if all is well, or if it may be.

    Raises:
        BlobStoreUnusable: uploads cannot work before somebody changes something.
    """
    options, client = connection.options, connection.client
    try:
        answer = client.list_objects_v2(Bucket=options.bucket, Prefix=options.listed, MaxKeys=1)
    except ClientError as error:
        reason = _TO_FIX.get(code_of(error))
        if reason is not None:
            raise BlobStoreUnusable(f"{options.place} cannot be used: {reason}") from error
        if code_of(error) == "AccessDenied":  # uploads may be allowed all the same
            return ""
        return f"{options.place} answers with an error; uploads may fail: {error}"
    except BotoCoreError as error:
        return f"{options.place} does not answer; uploads fail until it does: {error}"
    region = answer["ResponseMetadata"].get("HTTPHeaders", {}).get(_REGION, client.meta.region_name)
    if options.endpoint_url is None and region != client.meta.region_name:
        raise BlobStoreUnusable(
            f"{options.place} is in the region {region}, not {client.meta.region_name}: URLs signed for that "
            f"would be refused. Set FLET_CLUSTER_S3_REGION={region}"
        )
    return ""
