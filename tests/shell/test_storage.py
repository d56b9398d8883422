"""``flet-cluster storage``: says whether uploads work and what to fix, and sets up a bucket."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.shell.running import ROOT, free_port
from tests.storage import WRITER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.storage import Storage

ORIGIN = "https://app.example.com"


def storage(*words: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLET_", "AWS_"))}
    done = subprocess.run(
        [sys.executable, "-m", "flet_cluster.cli", "storage", *words],
        env={**kept, "AWS_EC2_METADATA_DISABLED": "true", **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


def rules(weed: Storage, bucket: str) -> tuple[list[Any], list[Any]]:
    """CORS rules and lifecycle rules."""
    client = weed.client()
    return (
        client.get_bucket_cors(Bucket=bucket)["CORSRules"],
        client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"],
    )


@pytest.fixture
def name() -> str:
    return f"test-{secrets.token_hex(6)}"


def test_a_bucket_from_nothing(weed: Storage, name: str) -> None:
    env = weed.env(name)
    before = storage("check", "--origin", ORIGIN, env=env)
    assert before.returncode == 1
    assert "there is none of that name (FLET_CLUSTER_S3_BUCKET): flet-cluster storage init" in before.stdout

    made = storage("init", "--origin", ORIGIN, "--app-name", "shop", env=env)
    assert made.returncode == 0, made.stdout
    assert f"ok       the bucket '{name}' at {weed.endpoint}: made" in made.stdout

    after = storage("check", "--origin", ORIGIN, "--app-name", "shop", env=env)
    assert after.returncode == 0, after.stdout
    assert "FAILED" not in after.stdout + after.stderr
    assert "skipped" not in after.stdout
    assert f"ok       pages of {ORIGIN} may write (CORS)" in after.stdout
    assert weed.keys(name) == weed.unfinished(name) == []

    other = storage("check", "--origin", "https://evil.example.com", env=env)
    assert other.returncode == 1
    assert "storage init --origin https://evil.example.com allows it" in other.stdout


def test_it_may_be_repeated_and_leaves_others_alone(weed: Storage, name: str) -> None:
    env = weed.env(name)
    client = weed.client()
    client.create_bucket(Bucket=name)
    theirs = {"ID": "theirs", "AllowedOrigins": ["https://their.test"], "AllowedMethods": ["GET"]}
    client.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [theirs]})
    old = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "old/"}, "Expiration": {"Days": 9}}
    client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [old]})
    words = ("init", "--origin", ORIGIN, "--origin", "http://localhost:8000/", "--app-name", "shop")
    for _ in range(2):
        done = storage(*words, "--expire-days", "7", env=env)
        assert done.returncode == 0, done.stdout
        assert "it was there" in done.stdout
        assert "what begins with shop/ after 7 days" in done.stdout
        cors, lifecycle = rules(weed, name)
        assert [rule["ID"] for rule in cors] == ["theirs", "flet-cluster-shop-cors"]
        assert cors[1]["AllowedOrigins"] == [ORIGIN, "http://localhost:8000"]
        assert {rule["ID"]: rule.get("Expiration", {}).get("Days") for rule in lifecycle} == {
            "old": 9,
            "flet-cluster-unfinished": None,
            "flet-cluster-shop-expiry": 7,
        }
    assert storage("init", "--app-name", "shop", "--expire-days", "0", env=env).returncode == 0
    cors, lifecycle = rules(weed, name)
    assert [rule["ID"] for rule in cors] == ["theirs", "flet-cluster-shop-cors"], "no origin: as it was"
    assert [rule["ID"] for rule in lifecycle] == ["old", "flet-cluster-unfinished"]


def test_nothing_is_removed_by_mistake(weed: Storage, name: str) -> None:
    done = storage("init", "--expire-days", "7", env={**weed.env(name), "FLET_CLUSTER_UPLOAD_PREFIX": "/"})
    assert done.returncode == 1
    assert "that would remove everything in the bucket" in done.stdout


def test_what_is_to_be_fixed(weed: Storage, name: str) -> None:
    weed.client().create_bucket(Bucket=name)
    env = weed.env(name)
    bare = storage("check", "--origin", ORIGIN, env=env)
    assert bare.returncode == 1
    assert f"FAILED   pages of {ORIGIN} may write (CORS)" in bare.stdout
    assert "no rule removes parts that a node leaves when it is killed" in bare.stdout

    limited = storage("check", env={**env, "FLET_MAX_UPLOAD_SIZE": "1MB"})
    assert "skipped  pages of the app may write (CORS): with FLET_MAX_UPLOAD_SIZE" in limited.stdout

    wrong = storage("check", env={**env, "AWS_SECRET_ACCESS_KEY": "another"})
    assert wrong.returncode == 1
    assert "the secret (AWS_SECRET_ACCESS_KEY) is not that of the access key" in wrong.stdout

    none = storage("check", env={key: value for key, value in env.items() if not key.startswith("AWS_")})
    assert none.returncode == 1
    assert "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in none.stdout

    nobody = f"http://127.0.0.1:{free_port()}"
    down = storage("check", env={**env, "FLET_CLUSTER_S3_ENDPOINT_URL": nobody})
    assert down.returncode == 1
    assert f"at {nobody} does not answer" in down.stdout


def test_credentials_that_may_too_little(weed: Storage, name: str) -> None:
    weed.client().create_bucket(Bucket=name)
    done = storage("check", env={**weed.env(name), **WRITER})
    assert done.returncode == 1
    said = done.stdout.splitlines()
    assert "ok       a node writes a file" in said
    assert "ok       a browser writes with a signed URL" in said
    for what, right in (("it is there, whole", "GetObject"), ("it is listed", "ListBucket on the bucket")):
        (line,) = (line for line in said if line.startswith(f"FAILED   {what}: "))
        assert line.endswith(f"The credentials must allow s3:{right}")
    (key,) = weed.keys(name)
    assert any(line.startswith(f"FAILED   nothing of this is left: remove {key!r} by hand") for line in said)
    assert not any(secret in done.stdout for secret in WRITER.values())


def test_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    done = storage("check", env={"FLET_UPLOAD_DIR": str(folder)})
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[0] == f"ok       the folder {folder}"
    assert all(line.startswith("ok ") for line in done.stdout.splitlines())
    assert list(folder.iterdir()) == []
    (tmp_path / "file").write_bytes(b"")
    bad = storage("check", env={"FLET_UPLOAD_DIR": str(tmp_path / "file" / "uploads")})
    assert bad.returncode == 1
    assert "FLET_UPLOAD_DIR" in bad.stdout
    assert len(bad.stdout.splitlines()) == 1


def test_without_a_store() -> None:
    for words in (("check",), ("init",)):
        done = storage(*words, env={})
        assert done.returncode == 2
        assert "FLET_CLUSTER_S3_BUCKET" in done.stderr
