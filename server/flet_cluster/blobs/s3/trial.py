"""What is to be tried with a bucket beside what is with every store (layer 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from flet_cluster.blobs.s3.browser import ask, preflight
from flet_cluster.blobs.s3.connection import explained
from flet_cluster.blobs.s3.look import look
from flet_cluster.blobs.steps import Step, StepFailed, StepSkipped, attempt
from flet_cluster.blobs.trial import Trial
from flet_cluster.threads import BUCKET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from flet_cluster.blobs.s3.connection import Connection
    from flet_cluster.blobs.s3.store import S3Blobs

ADVICE: Final = {
    "write": "The credentials must allow s3:PutObject",
    "read": "The credentials must allow s3:GetObject",
    "list": "The credentials must allow s3:ListBucket on the bucket",
    "delete": "The credentials must allow s3:DeleteObject",
    "abort": "The credentials must allow s3:PutObject and s3:AbortMultipartUpload",
}
_SECONDS = 300.0


class BucketTrial:
    """Tries a bucket.

    Args:
        blobs: the store; not started.
        key: what files are called; nothing of that name may be there.
        origins: where the app's pages come from.
        direct: whether browsers send files to the bucket themselves.
    """

    def __init__(self, blobs: S3Blobs, key: str, origins: Sequence[str], *, direct: bool) -> None:
        self._blobs = blobs
        self._key = key
        self._origins = origins
        self._direct = direct

    async def steps(self) -> AsyncIterator[Step]:
        """Try one thing after another; nothing stays in the bucket."""
        first = await attempt(self._blobs.options.place, self._start())
        yield first
        if first.outcome == "failed":
            return
        trial = Trial(self._blobs, self._key, ADVICE)
        async for step in trial.steps():
            yield step
        yield await attempt("no parts of it are left", self._no_parts())
        yield await attempt("a browser writes with a signed URL", self._put(trial.content), ADVICE["write"])
        yield await attempt("a browser reads with a signed URL", self._get(trial.content), ADVICE["read"])
        if not await trial.clean_up():
            yield Step(
                "nothing of this is left", "failed", f"remove {self._key!r} by hand. {ADVICE['delete']}"
            )
        async for step in self._cors():
            yield step
        yield await attempt("unfinished uploads are removed (lifecycle rule)", self._lifecycle())

    async def _start(self) -> str:
        connection = await self._blobs.connection()
        with explained():
            trouble = await BUCKET.run(look, connection)
        if trouble:
            raise StepFailed(trouble)
        return f"{self._blobs.options.style} style, keys found by boto3: {connection.credentials.method}"

    async def _no_parts(self) -> None:
        found = await BUCKET.run(_unfinished, await self._blobs.connection(), self._key)
        if found:
            raise StepFailed(f"{found} unfinished uploads are there. {ADVICE['abort']}")

    async def _put(self, content: bytes) -> None:
        answer = await BUCKET.run(ask, "PUT", self._blobs.direct_url(self._key, _SECONDS) or "", content)
        if not 200 <= answer.status <= 204:  # noqa: PLR2004  Flet's client takes these
            raise StepFailed(f"it is answered with {answer.status}: {answer.body[:300]!r}. {ADVICE['write']}")

    async def _get(self, content: bytes) -> None:
        answer = await BUCKET.run(ask, "GET", self._blobs.read_url(self._key, _SECONDS) or "")
        if answer.body != content:
            raise StepFailed(f"it is answered with {answer.status}: {answer.body[:300]!r}. {ADVICE['read']}")

    async def _cors(self) -> AsyncIterator[Step]:
        if not self._direct or not self._origins:
            why = "name the app's origin: --origin https://app.example.com"
            if not self._direct:
                why = (
                    "with FLET_MAX_UPLOAD_SIZE browsers send files to nodes, and need no CORS rules for that"
                )
            yield Step("pages of the app may write (CORS)", "skipped", why)
            return
        url = self._blobs.direct_url(self._key, _SECONDS) or ""
        for origin in self._origins:
            yield await attempt(f"pages of {origin} may write (CORS)", BUCKET.run(preflight, url, origin))

    async def _lifecycle(self) -> None:
        rules = await BUCKET.run(lifecycle_rules, await self._blobs.connection())
        if not any("AbortIncompleteMultipartUpload" in rule for rule in rules if rule["Status"] == "Enabled"):
            raise StepFailed(
                "no rule removes parts that a node leaves when it is killed: flet-cluster storage init makes "
                "one"
            )


def _unfinished(connection: Connection, prefix: str) -> int:
    """Count uploads that are neither complete nor aborted."""
    try:
        answer = connection.client.list_multipart_uploads(Bucket=connection.options.bucket, Prefix=prefix)
    except ClientError as error:
        raise StepSkipped(f"it cannot be seen ({error})") from error
    return len(answer.get("Uploads", ()))


def lifecycle_rules(connection: Connection) -> list[dict[str, Any]]:
    """Return the bucket's rules. Raises StepSkipped if they cannot be seen."""
    try:
        answer = connection.client.get_bucket_lifecycle_configuration(Bucket=connection.options.bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
            return []
        raise StepSkipped(f"the bucket's rules cannot be seen ({error})") from error
    rules: list[dict[str, Any]] = answer.get("Rules", [])
    return rules
