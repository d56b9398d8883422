"""``FilePicker`` in a real browser, and a real bucket: straight to it, or through a node that may die."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.chromium.wire import Wire, wire_to
from tests.shell.running import LONG, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.chromium.conftest import Site, Start
    from tests.chromium.screen import Screen
    from tests.storage import Storage

APP = "../uploads/picker_app.py"
BIG = int(os.environ.get("TEST_BIG_FILE", "20000000"))
"""Bytes. ``make soak`` takes five times as many; Playwright's own limit is near that."""
MIDDLE = 20_000_000
UNDER_WAY = 3_000_000


@pytest.fixture
def limit() -> int | None:
    """A test that has one says so."""
    return None


@pytest.fixture
def bucket(weed: Storage) -> str:
    return weed.bucket()


@pytest.fixture
def wire(weed: Storage) -> Iterator[Wire]:
    """Between everybody and the bucket."""
    with wire_to(weed.ports["s3.port"]) as wire:
        yield wire


@pytest.fixture
def options(weed: Storage, bucket: str, wire: Wire, limit: int | None) -> Mapping[str, str]:
    env = {**weed.env(bucket), "FLET_CLUSTER_S3_ENDPOINT_URL": f"http://127.0.0.1:{wire.port}"}
    return env if limit is None else {**env, "FLET_MAX_UPLOAD_SIZE": str(limit)}


@dataclass(frozen=True)
class Store:
    """A bucket, the wire to it, and the folder that files come from."""

    weed: Storage
    bucket: str
    wire: Wire
    env: Mapping[str, str]
    folder: Path

    def keys(self) -> list[str]:
        return self.weed.keys(self.bucket)

    def allow(self, site: Site) -> None:
        """Set the bucket up for pages of the site, as an operator does."""
        command = [sys.executable, "-m", "flet_cluster.cli", "storage"]
        for word in ("init", "check"):
            words = [*command, word, "--origin", site.url, "--app-name", site.fleet.app_name]
            env = {**os.environ, **self.env}
            done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr

    def arrived(self) -> set[str]:
        """Names of what is in the bucket; each is what was sent."""
        names = set()
        for key in self.keys():
            name = key.partition("/in/")[2]
            assert self.weed.content(self.bucket, key) == (self.folder / name).read_bytes(), key
            names.add(name)
        return names


@pytest.fixture
def store(weed: Storage, bucket: str, wire: Wire, options: Mapping[str, str], tmp_path: Path) -> Store:
    return Store(weed, bucket, wire, options, tmp_path)


def content(size: int) -> bytes:
    """Text: DevTools tell Playwright of every request, and what is none takes six characters a byte there."""
    some = os.urandom(500_000).hex().encode()
    return (some * (size // len(some) + 1))[:size]


def pick(screen: Screen, folder: Path, sizes: Mapping[str, int]) -> None:
    for name, size in sizes.items():
        (folder / name).write_bytes(content(size))
    with screen.page.expect_file_chooser() as chooser:
        screen.click("pick")
    chooser.value.set_files([folder / name for name in sizes])


def test_no_byte_of_a_file_touches_a_node(start: Start, screen: Screen, store: Store) -> None:
    site = start(APP)
    screen.open(site.url, "pick")
    pick(screen, store.folder, {"early.bin": 1000})
    screen.shows("early.bin: failed: ClientException")
    assert store.keys() == [], "the bucket does not know the page yet"
    store.allow(site)
    before = site.balancer.received()
    sizes = {
        "empty.bin": 0,
        "small.bin": 1000,
        "grün & 文件 1.bin": 100_000,
        "100% +.txt": 20_000,
        "big.bin": BIG,
    }
    pick(screen, store.folder, sizes)
    for name in list(sizes)[:-1]:
        screen.shows(f"{name}: all of it, some steps in order")
    screen.page.set_default_timeout(4000 * LONG)
    screen.shows("big.bin: all of it, many steps in order")
    assert site.balancer.received() - before < 100_000, "events only"
    assert store.arrived() == set(sizes)
    screen.photograph("uploaded")


def test_a_node_dies_and_a_direct_upload_does_not_care(start: Start, screen: Screen, store: Store) -> None:
    site = start(APP)
    store.allow(site)
    screen.open(site.url, "pick")
    store.wire.hold(after=UNDER_WAY)
    pick(screen, store.folder, {"a b.bin": MIDDLE})
    assert store.wire.held.wait(LONG)
    screen.forget()
    site.balancer.holder().kill()
    screen.resumed(1)
    store.wire.release()
    screen.shows("a b.bin: all of it, many steps in order")
    assert store.arrived() == {"a b.bin"}
    screen.noticed_nothing()


@pytest.mark.parametrize("limit", [MIDDLE])
def test_a_node_dies_with_an_upload_which_fails_cleanly_and_can_be_repeated(
    start: Start, screen: Screen, store: Store
) -> None:
    site = start(APP)
    screen.open(site.url, "pick")
    holder = site.balancer.holder()
    taker = next(node for node in site.fleet.nodes if node is not holder)
    site.balancer.send_all_to(taker)
    store.wire.hold(after=UNDER_WAY)
    pick(screen, store.folder, {"a b.bin": MIDDLE})
    assert store.wire.held.wait(LONG)
    taker.kill()
    store.wire.release()
    screen.shows("a b.bin: failed: Upload endpoint returned code 50x")
    assert store.keys() == []
    site.balancer.send_to_all()
    eventually(lambda: site.balancer.ready() == 2, "the balancer has noticed")
    pick(screen, store.folder, {"a b.bin": MIDDLE, "huge.bin": MIDDLE + 1})
    screen.shows("a b.bin: all of it, many steps in order")
    screen.shows("huge.bin: failed: Upload endpoint returned code 413")
    assert store.arrived() == {"a b.bin"}
    assert site.balancer.received() > MIDDLE, "what passes nodes is counted"
