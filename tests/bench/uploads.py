"""Memory of a node that passes a large upload on to a bucket, and how fast that is.

    python -m tests.bench.uploads [--size 2000] [--at-once 1]

Sizes are megabytes (10^6 bytes). The file comes in chunks, nobody says beforehand how large it is. Fails if
the node's memory grows by 64 MB or more for each upload.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from typing import TYPE_CHECKING

import httpx
from tests.fleet import SECRET, fleet
from tests.servers import running
from tests.storage import storage
from tests.uploads.site import APP, peak

from flet_cluster.blobs.signing import UploadSigner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fleet import Fleet

MEGABYTE = 1_000_000
ALLOWED = 64 * MEGABYTE
PATIENCE = httpx.Timeout(600.0)


def content(size: int) -> Iterator[bytes]:
    """So many megabytes, in chunks as a network brings them."""
    chunk = bytes(100_000)
    for _ in range(size * MEGABYTE // len(chunk)):
        yield chunk


def send(nodes: Fleet, name: str, size: int) -> None:
    """Upload one file through the node."""
    query = UploadSigner([SECRET], nodes.app_name).query("upload", name, int(time.time() + 3600))
    url = f"http://127.0.0.1:{nodes.nodes[0].port}/upload?{query}"
    answer = httpx.put(url, content=content(size), timeout=PATIENCE)
    assert answer.status_code == 204, answer.text


def measure(size: int, at_once: int) -> bool:
    """Upload, print what it took; return whether memory stayed flat."""
    with storage() as server, running("valkey") as valkey:
        bucket = server.bucket()
        env = {**server.env(bucket), "FLET_MAX_UPLOAD_SIZE": f"{size + 1}MB"}
        with fleet(APP, valkey, 1, **env) as nodes:
            send(nodes, "warm", 1)
            before, start = peak(nodes.nodes[0]), time.monotonic()
            names = [f"big-{number}" for number in range(at_once)]
            threads = [threading.Thread(target=send, args=(nodes, name, size)) for name in names]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            took, grown = time.monotonic() - start, peak(nodes.nodes[0]) - before
            stored = [server.client().head_object(Bucket=bucket, Key=name)["ContentLength"] for name in names]
        assert stored == [size * MEGABYTE] * at_once
        rate = size * at_once / took
        print(
            f"{at_once} x {size} MB through a node: {took:.1f} s ({rate:.0f} MB/s), its peak memory grew by "
            f"{grown / MEGABYTE:.1f} MB (before: {before / MEGABYTE:.0f} MB)"
        )
        return grown < ALLOWED * at_once


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", type=int, default=2000, help="megabytes of each upload")
    parser.add_argument("--at-once", type=int, default=1, help="uploads at the same time")
    given = parser.parse_args()
    sys.exit(0 if measure(given.size, given.at_once) else "memory did not stay flat")


if __name__ == "__main__":
    main()
