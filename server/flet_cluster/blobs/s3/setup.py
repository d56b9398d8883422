"""Makes a bucket fit for uploads: itself, its CORS rules, its lifecycle rules (layer 2). May be repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from flet_cluster.blobs.s3.connection import code_of, explained
from flet_cluster.blobs.s3.trial import lifecycle_rules
from flet_cluster.blobs.steps import Step, StepFailed, StepSkipped, attempt
from flet_cluster.threads import BUCKET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from flet_cluster.blobs.s3.connection import Connection
    from flet_cluster.blobs.s3.store import S3Blobs

_UNKNOWN: Final = frozenset({"NotImplemented", "MethodNotAllowed", "501", "405"})
_OURS: Final = frozenset({"BucketAlreadyOwnedByYou"})
_TAKEN: Final = frozenset({"BucketAlreadyExists"})
_NO_LOCATION: Final = "us-east-1"
"""The region that must not be named when a bucket is made."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a bucket should be like.

    Attributes:
        app_name: marks the rules that are this app's: other rules are left alone.
        origins: where the app's pages come from; none: its CORS rule is left as it is.
        prefix: what all keys of the app begin with.
        expire_days: after how many days its files are removed; 0: never; None: as it is.
    """

    app_name: str
    origins: tuple[str, ...] = ()
    prefix: str = ""
    expire_days: int | None = None


async def set_up(blobs: S3Blobs, wishes: Wishes) -> AsyncIterator[Step]:
    """Do one thing after another; what the server does not have is skipped."""
    connection = await blobs.connection()
    parts: list[tuple[str, Callable[[Connection, Wishes], str]]] = [
        (f"{blobs.options.place}", _bucket),
        ("pages of the app may write (CORS)", _cors),
        ("unfinished uploads are removed after a day (lifecycle rule)", _unfinished),
        ("files are removed after some time (lifecycle rule)", _expiry),
    ]
    for name, work in parts:
        step = await attempt(name, BUCKET.run(_supported, work, connection, wishes))
        yield step
        if work is _bucket and step.outcome == "failed":
            return


def _supported(work: Callable[[Connection, Wishes], str], connection: Connection, wishes: Wishes) -> str:
    """Work; skip what the server does not have."""
    with explained():
        try:
            return work(connection, wishes)
        except ClientError as error:
            if code_of(error) in _UNKNOWN:
                raise StepSkipped(
                    f"this server has none for buckets ({error}); see its own settings"
                ) from error
            raise


def _bucket(connection: Connection, _wishes: Wishes) -> str:
    options, region = connection.options, connection.client.meta.region_name
    away = options.endpoint_url is None and region not in {_NO_LOCATION, "aws-global"}
    where = {"CreateBucketConfiguration": {"LocationConstraint": region}} if away else {}
    try:
        connection.client.head_bucket(Bucket=options.bucket)
    except ClientError as error:
        if code_of(error) not in {"404", "NoSuchBucket"}:
            return f"it may be there; the credentials do not say ({error})"
    else:
        return "it was there"
    try:
        connection.client.create_bucket(Bucket=options.bucket, **where)
    except ClientError as error:
        if code_of(error) in _TAKEN:
            raise StepFailed("somebody else has a bucket of that name: choose another") from error
        if code_of(error) not in _OURS:
            raise
    return "made"


def _cors(connection: Connection, wishes: Wishes) -> str:
    """Put the app's rule among the others."""
    if not wishes.origins:
        raise StepSkipped("name the app's origin: --origin https://app.example.com")
    bucket, client = connection.options.bucket, connection.client
    try:
        rules = client.get_bucket_cors(Bucket=bucket).get("CORSRules", [])
    except ClientError as error:
        if code_of(error) != "NoSuchCORSConfiguration":
            raise
        rules = []
    rule = {
        "ID": _id(wishes, "cors"),
        "AllowedOrigins": list(wishes.origins),
        "AllowedMethods": ["PUT", "GET", "HEAD"],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": ["ETag", "Content-Length", "Content-Range", "Accept-Ranges"],
        "MaxAgeSeconds": 3600,
    }
    wanted = [*_others(rules, rule), rule]
    if rule not in rules:
        client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": wanted})
    return ", ".join(wishes.origins)


def _unfinished(connection: Connection, _wishes: Wishes) -> str:
    rule = {
        "ID": "flet-cluster-unfinished",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
    _put_lifecycle(connection, rule)
    return ""


def _expiry(connection: Connection, wishes: Wishes) -> str:
    days = wishes.expire_days
    if days is None:
        raise StepSkipped("--expire-days was not given; a rule from before stays")
    if days and not wishes.prefix:
        raise StepFailed(
            "that would remove everything in the bucket. Name the app (--app-name), and let its keys begin "
            "with something (FLET_CLUSTER_UPLOAD_PREFIX)"
        )
    rule = {
        "ID": _id(wishes, "expiry"),
        "Status": "Enabled",
        "Filter": {"Prefix": wishes.prefix},
        "Expiration": {"Days": days},
    }
    _put_lifecycle(connection, rule, wanted=days > 0)
    return f"what begins with {wishes.prefix} after {days} days" if days else "never"


def _put_lifecycle(connection: Connection, rule: dict[str, Any], *, wanted: bool = True) -> None:
    """Put a rule among the others, or take it away."""
    rules = lifecycle_rules(connection)
    if wanted and rule in rules:
        return
    others = _others(rules, rule)
    if wanted or others != rules:
        connection.client.put_bucket_lifecycle_configuration(
            Bucket=connection.options.bucket,
            LifecycleConfiguration={"Rules": [*others, rule] if wanted else others},
        )


def _others(rules: list[dict[str, Any]], rule: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rules but for an earlier one of that id, or, where ids are not kept, of that content."""
    content = {name: value for name, value in rule.items() if name != "ID"}
    return [
        other
        for other in rules
        if other.get("ID") != rule["ID"]
        and {name: value for name, value in other.items() if name != "ID"} != content
    ]


def _id(wishes: Wishes, what: str) -> str:
    return "-".join(part for part in ("flet-cluster", wishes.app_name, what) if part)
