"""What is particular to buckets: credentials, addresses, leftovers, and servers that fail."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.blobs.content import chunks
from tests.cluster.tools import eventually
from tests.shell.running import ROOT, free_port
from tests.storage import DOMAIN, KEYS, REGION, Storage, storage

from flet_cluster.blobs.s3 import store as store_module
from flet_cluster.blobs.s3.look import look
from flet_cluster.blobs.s3.options import S3Options
from flet_cluster.blobs.s3.store import S3Blobs, s3_blobs
from flet_cluster.blobs.s3.upload import PART
from flet_cluster.errors import (
    BlobIncomplete,
    BlobMissing,
    BlobStoreFull,
    BlobStoreUnavailable,
    BlobStoreUnusable,
    BlobTooLarge,
)
from flet_cluster.events import NullObserver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 1_000_000


@pytest.fixture
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """There are no credentials on this machine."""
    for name in (*KEYS, "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "BOTO_CONFIG"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


# -- leftovers --------------------------------------------------------------------------------------


async def test_a_role_may_be_bound_to_the_app_s_own_names(bucket: str, weed: Storage) -> None:
    """What roles may do that may list what begins with the app's name only, as that of infra/aws."""
    blobs = S3Blobs(S3Options(bucket, weed.endpoint, REGION, listed="shop/"))
    asked: list[dict[str, Any]] = []
    connection = await blobs.connection()
    events = connection.client.meta.events
    events.register("provide-client-params.s3", lambda params, **_: asked.append(params))
    assert not look(connection)
    with pytest.raises(BlobMissing):
        await blobs.stat("shop/none")
    assert [name async for name in blobs.list("shop/")] == []
    assert len(asked) == 4
    for params in asked:
        assert str(params.get("Key") or params.get("Prefix")).startswith("shop/"), params


async def test_what_fails_leaves_no_parts(s3: S3Blobs, weed: Storage, bucket: str) -> None:
    seen: list[str] = []

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * (PART + 1)
        seen.extend(weed.unfinished(bucket))
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await s3.write("a/b", broken())
    assert seen == ["a/b"]
    with pytest.raises(BlobTooLarge):
        await s3.write("a/c", endless(), limit=PART + 1)
    with pytest.raises(BlobIncomplete):
        await s3.write("a/d", chunks(b"x" * (PART + 1)), size=PART + 2)
    task = asyncio.create_task(s3.write("a/e", endless()))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert weed.unfinished(bucket) == []
    assert weed.keys(bucket) == []


async def test_who_sends_nothing_is_given_up(
    s3: S3Blobs, weed: Storage, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "IDLE_SECONDS", 0.1)

    async def stalled() -> AsyncIterator[bytes]:
        yield b"x" * PART
        await asyncio.Event().wait()

    with pytest.raises(BlobIncomplete, match="nothing came"):
        await s3.write("a", stalled())
    assert weed.unfinished(bucket) == weed.keys(bucket) == []


async def test_slow_uploads_take_neither_all_memory_nor_the_place_of_others(
    s3: S3Blobs, weed: Storage, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has no room in memory is collected in files."""
    monkeypatch.setattr(store_module, "PARTS_IN_MEMORY", 2)
    all_are_under_way = asyncio.Barrier(6)
    contents = [os.urandom(PART + 1000 * number) for number in range(5)]

    async def slow(number: int) -> AsyncIterator[bytes]:
        yield contents[number][: PART - 1]
        await all_are_under_way.wait()
        yield contents[number][PART - 1 :]

    slow_ones = [asyncio.create_task(s3.write(f"{number}", slow(number))) for number in range(5)]
    while all_are_under_way.n_waiting < 5:  # noqa: ASYNC110  a barrier has no event for that
        await asyncio.sleep(0.01)
    assert s3._memory.locked()
    await s3.write("quick", chunks(b"x" * 10))
    with pytest.raises(BlobTooLarge):
        await s3.write("too large", endless(), limit=PART + 1)
    await all_are_under_way.wait()
    await asyncio.gather(*slow_ones)
    assert not s3._memory.locked()
    assert [weed.content(bucket, f"{number}") for number in range(5)] == contents
    assert weed.content(bucket, "quick") == b"x" * 10
    assert weed.unfinished(bucket) == []
    assert "too large" not in weed.keys(bucket)


async def test_no_room_for_temporary_files(
    s3: S3Blobs, weed: Storage, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "PARTS_IN_MEMORY", 0)
    monkeypatch.setattr("tempfile.tempdir", "/dev/null/none")
    with pytest.raises(BlobStoreFull, match="no room"):
        await s3.write("a", chunks(b"x"))
    assert await s3.write("empty", chunks()) == 0
    assert weed.keys(bucket) == ["empty"]


class Counting(NullObserver):
    """Remembers what failed."""

    def __init__(self) -> None:
        self.failed: list[tuple[str, str]] = []

    def count(self, name: str, /, amount: int = 1, **labels: str) -> None:
        assert (name, amount) == ("s3_errors", 1)
        self.failed.append((labels["operation"], labels["kind"]))


async def test_what_its_server_does_not_serve_is_counted(s3: S3Blobs, weed: Storage, bucket: str) -> None:
    s3.observer = counting = Counting()
    with pytest.raises(BlobMissing):
        await s3.stat("nothing")
    await s3.write("a", chunks(b"x"))
    assert counting.failed == [], "that there is no such blob is an answer"
    weed.client().delete_bucket(Bucket=bucket)
    with pytest.raises(BlobStoreUnavailable):
        await s3.write("a", chunks(b"x"))
    assert counting.failed == [("PutObject", "refused")]
    away = S3Blobs(S3Options(bucket, f"http://127.0.0.1:{free_port()}", REGION))
    away.observer = counting = Counting()
    with pytest.raises(BlobStoreUnavailable, match="does not answer"):
        await away.stat("a")
    assert counting.failed == [("HeadObject", "unreachable")]


# -- servers that fail ------------------------------------------------------------------------------


async def test_a_bucket_that_is_gone(s3: S3Blobs, weed: Storage, bucket: str) -> None:
    await s3.start()
    await s3.write("a", chunks(b"x"))
    weed.client().delete_bucket(Bucket=bucket)
    with pytest.raises(BlobStoreUnavailable, match="gone"):
        await s3.write("a", chunks(b"x"))
    with pytest.raises(BlobStoreUnavailable, match="gone"):
        await s3.write("a", endless(), limit=2 * PART)
    with pytest.raises(BlobStoreUnavailable):
        await s3.stat("a")
    with pytest.raises(BlobStoreUnavailable):
        await s3.delete("a")
    with pytest.raises(BlobStoreUnavailable):
        await anext(aiter(s3.read("a")))
    with pytest.raises(BlobStoreUnavailable):
        await anext(aiter(s3.list()))


async def test_a_bucket_that_never_was(s3: S3Blobs) -> None:
    other = S3Blobs(S3Options("no-such-bucket", s3.options.endpoint_url, REGION))
    with pytest.raises(
        BlobStoreUnusable, match=r"'no-such-bucket' at http.*FLET_CLUSTER_S3_BUCKET.*storage init"
    ):
        await other.start()


async def test_a_server_that_goes_in_the_middle(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with storage() as server:
        bucket = server.bucket()
        blobs = S3Blobs(S3Options(bucket, server.endpoint, REGION))
        await blobs.start()

        async def killing() -> AsyncIterator[bytes]:
            yield b"x" * PART
            server.kill()
            yield b"x" * PART

        with pytest.raises(BlobStoreUnavailable, match="does not answer"):
            await blobs.write("a", killing())
        assert "stay in the bucket until its lifecycle rule removes them" in caplog.text
        for call in (blobs.stat("a"), blobs.delete("a"), blobs.write("b", chunks(b"x"))):
            with pytest.raises(BlobStoreUnavailable):
                await call


async def test_a_server_that_is_not_there_at_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    blobs = S3Blobs(S3Options("bucket", f"http://127.0.0.1:{free_port()}", REGION))
    await blobs.start()
    assert "does not answer; uploads fail until it does" in caplog.text
    assert blobs.direct_url("a", 60) is not None


# -- credentials ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_nowhere")
async def test_no_credentials(weed: Storage) -> None:
    with pytest.raises(
        BlobStoreUnusable, match=r"no credentials.*AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    ):
        await S3Blobs(S3Options(weed.bucket(), weed.endpoint, REGION)).start()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("AWS_ACCESS_KEY_ID", "does not know the access key"),
        ("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
    ],
)
async def test_wrong_credentials(s3: S3Blobs, monkeypatch: pytest.MonkeyPatch, name: str, why: str) -> None:
    monkeypatch.setenv(name, "another")
    with pytest.raises(BlobStoreUnusable, match=why) as caught:
        await s3.start()
    assert "another" not in str(caught.value)


async def test_urls_need_a_start(s3: S3Blobs) -> None:
    with pytest.raises(BlobStoreUnusable, match="start"):
        s3.direct_url("a", 60)


ROLE = """
import datetime, json, pathlib, sys
calls = pathlib.Path(sys.argv[1])
number = len(calls.read_text()) if calls.exists() else 0
calls.write_text("x" * (number + 1))
soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=5)
keys = {"AccessKeyId": f"key-{number}", "SecretAccessKey": "secret", "SessionToken": f"token-{number}"}
print(json.dumps({"Version": 1, "Expiration": soon.isoformat(), **keys}))
"""


@pytest.mark.usefixtures("_nowhere")
async def test_credentials_that_expire_are_renewed_in_the_background(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Signing itself asks nobody: that would stop the loop, or a handler."""
    calls, program = tmp_path / "calls", tmp_path / "role.py"
    program.write_text(ROLE)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {sys.executable} {program} {calls}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    blobs = S3Blobs(S3Options("bucket", f"http://127.0.0.1:{free_port()}", REGION))
    monkeypatch.setattr(store_module, "RENEW_SECONDS", 3600)
    connection = await blobs.connection()

    def signed_by() -> str:
        found = re.search(r"X-Amz-Credential=([^%]*)", blobs.direct_url("a", 60) or "")
        assert found is not None
        return found[1]

    before = calls.read_text()
    assert len({signed_by() for _ in range(20)}) == 1
    assert calls.read_text() == before
    monkeypatch.setattr(store_module, "RENEW_SECONDS", 0.01)
    first = signed_by()
    renewing = asyncio.create_task(blobs._renew(connection))
    await eventually(lambda: signed_by() != first, "others are used")
    program.write_text("import sys; sys.exit('the role is gone')")
    await eventually(lambda: "cannot be renewed" in caplog.text, "it is said that there are none")
    assert signed_by().startswith("key-")
    for task in (renewing, blobs._renewing):
        assert task is not None
        task.cancel()


# -- addresses --------------------------------------------------------------------------------------


async def test_buckets_in_the_host_name(weed: Storage, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        asked = host.encode() if isinstance(host, str) else host or b""
        here = asked.endswith(DOMAIN.encode())
        return resolve("127.0.0.1" if here else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    endpoint = f"http://{DOMAIN}:{weed.ports['s3.port']}"
    blobs = S3Blobs(S3Options(bucket, endpoint, REGION, "virtual"))
    await blobs.start()
    url = blobs.direct_url("in/ü 1.txt", 60)
    assert url is not None
    assert url.startswith(f"http://{bucket}.{DOMAIN}:{weed.ports['s3.port']}/in/%C3%BC%201.txt?")
    async with httpx.AsyncClient() as browser:
        assert (await browser.put(url, content=b"content")).status_code == 200
    assert weed.content(bucket, "in/ü 1.txt") == b"content"
    await blobs.write("big", chunks(b"x" * (PART + 1)))
    assert (await blobs.stat("big")).size == PART + 1


@pytest.mark.parametrize(
    ("options", "start"),
    [
        (S3Options("uploads", None, "eu-west-1"), "https://uploads.s3.eu-west-1.amazonaws.com/a?"),
        (S3Options("uploads", None, "eu-west-1", "path"), "https://s3.eu-west-1.amazonaws.com/uploads/a?"),
        (S3Options("with.dots", None, "eu-west-1"), "https://s3.eu-west-1.amazonaws.com/with.dots/a?"),
        (S3Options("uploads", None, "cn-north-1"), "https://uploads.s3.cn-north-1.amazonaws.com.cn/a?"),
        (S3Options("uploads", None, "us-east-1"), "https://uploads.s3.amazonaws.com/a?"),
        (
            S3Options("uploads", "https://x.r2.cloudflarestorage.com", "auto"),
            "https://x.r2.cloudflarestorage.com/uploads/a?",
        ),
        (S3Options("uploads", "https://minio.test:9000"), "https://minio.test:9000/uploads/a?"),
        (S3Options("uploads", "https://minio.test", None, "virtual"), "https://uploads.minio.test/a?"),
    ],
)
@pytest.mark.usefixtures("_nowhere")
async def test_addresses(options: S3Options, start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    blobs = S3Blobs(options)
    await blobs.connection()
    url = httpx.URL(blobs.direct_url("a", 3600.2) or "")
    assert str(url).startswith(start)
    query = dict(url.params)
    assert query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert query["X-Amz-SignedHeaders"] == "host", "neither type nor length nor a checksum"
    assert query["X-Amz-Expires"] == "3601"
    assert f"/{options.region or REGION}/s3/" in query["X-Amz-Credential"]
    assert set(query) == {
        f"X-Amz-{part}"
        for part in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
    }
    assert "X-Amz-Expires=604800" in (blobs.direct_url("a", 1e9) or "")


async def test_signatures_of_others_are_refused(s3: S3Blobs, weed: Storage, bucket: str) -> None:
    await s3.start()
    async with httpx.AsyncClient() as browser:
        good = s3.direct_url("a", 60) or ""
        for url in (good.replace("/a?", "/b?"), good.replace("Expires=60", "Expires=61"), good[:-1]):
            assert (await browser.put(url, content=b"x")).status_code == 403
        short = s3.direct_url("a", 0) or ""
        await asyncio.sleep(2.1)
        assert (await browser.put(short, content=b"x")).status_code == 403
    assert weed.keys(bucket) == []


async def test_a_file_of_two_loops(s3: S3Blobs, bucket: str) -> None:
    """A process that serves once more has another loop, and the same store."""
    await s3.write("a", chunks(b"x"))
    await asyncio.to_thread(lambda: asyncio.run(s3.write("b", chunks(b"y"))))
    with pytest.raises(BlobMissing):
        await s3.stat("c")
    assert s3_blobs(s3.options) is s3_blobs(s3.options)


# -- what it costs those who have no bucket -----------------------------------------------------------

WITHOUT = """
import json, sys
from flet_cluster.settings import Settings
from flet_cluster import uploading, hosting, application
settings = Settings(**json.loads(sys.argv[1]))
store = uploading.blob_store(settings.with_secret_key())
print(type(store).__name__, "boto3" in sys.modules, "botocore" in sys.modules)
"""


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"upload_dir": "/tmp/x"}, "LocalBlobs False False"), ({"s3_bucket": "abc"}, "S3Blobs True True")],
)
def test_boto3_is_imported_where_there_is_a_bucket(fields: dict[str, str], said: str) -> None:
    command = [sys.executable, "-c", WITHOUT, json.dumps(fields)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == said


def test_boto3_is_not_installed() -> None:
    command = [
        sys.executable,
        "-c",
        f"import sys; sys.modules['boto3'] = None\n{WITHOUT}",
        '{"s3_bucket": "abc"}',
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 'pip install "flet-cluster[s3]"' in done.stderr
