"""``flet-cluster`` as an operator of a test's fleet calls it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from tests.cluster.tools import PATIENCE
from tests.fleet import SECRET

from flet_cluster.operating import open_cluster
from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from tests.fleet import Fleet

    from flet_cluster.inspection import Inspector

COMMAND = (sys.executable, "-m", "flet_cluster.cli")


def environment(fleet: Fleet, **env: str) -> Mapping[str, str]:
    """What the operator has set; an empty value sets nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLET_")}
    return {
        **kept,
        "FLET_CLUSTER_REDIS_URL": fleet.redis_url,
        "FLET_CLUSTER_APP_NAME": fleet.app_name,
        "FLET_SECRET_KEY": SECRET,
        "NO_COLOR": "1",
        **env,
    }


def call(fleet: Fleet, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *words],
        env=environment(fleet, **env),
        capture_output=True,
        text=True,
        timeout=PATIENCE * 3,
        check=False,
    )


async def said(fleet: Fleet, *words: str, **env: str) -> str:
    """What a command prints that must succeed, while the test's tabs live on."""
    done = await asyncio.to_thread(call, fleet, *words, **env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    return done.stdout


async def told(fleet: Fleet, *words: str, **env: str) -> Any:
    """The same of one that prints JSON."""
    return json.loads(await said(fleet, *words, "--json", **env))


def inspected(fleet: Fleet, secret: str = SECRET) -> AbstractAsyncContextManager[Inspector]:
    """The same without a process: much quicker."""
    url, key = SecretStr(fleet.redis_url), SecretStr(secret)
    return open_cluster(Settings(redis_url=url, app_name=fleet.app_name, secret_key=key), acting=True)


async def becomes(read: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
    """Read until it is as wanted."""
    last: Any = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while not wanted(last := await read()):  # noqa: ASYNC110  other processes have no event
                await asyncio.sleep(0.1)
            return last
    raise AssertionError(f"it stayed {last}")
