"""Fills the cache of compressed files: at image build, or beside a running node (layer 4: imports no Flet).

Brotli's best quality takes a minute or two for Flet's client. A node therefore has it done by another
process, at the lowest priority: ``python -m flet_cluster.http.precompress``, with the work as a line of JSON
on its stdin. That process ends with the node, which is when its stdin ends.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flet_cluster.http.cache import VariantCache
from flet_cluster.http.encoding import CODINGS, compressed, is_compressible
from flet_cluster.http.files import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flet_cluster.http.files import Overlay

_LOG = logging.getLogger("flet_cluster")
_AGAIN = 60.0
_MOST_THREADS = 4

_FIRST = (
    "main.dart.wasm",
    "canvaskit/skwasm.wasm",
    "assets/fonts/MaterialIcons-Regular.otf",
    "canvaskit/chromium/canvaskit.wasm",
    "main.dart.js",
    "assets/packages/cupertino_icons/assets/CupertinoIcons.ttf",
)
"""What most browsers load, in the order of what is gained."""

_NEVER = ("pyodide/", "canvaskit/experimental_webparagraph/", "canvaskit/wimp.")
"""Parts of Flet's client that no hosted app loads."""


@dataclass(frozen=True, slots=True)
class Job:
    """One file to compress.

    Attributes:
        path: where it is.
        digest: hash of its content.
        coding: what to make of it.
    """

    path: str
    digest: str
    coding: str


def missing(overlay: Overlay, cache: VariantCache) -> list[Job]:
    """List what the cache lacks, the most useful first. Reads all files: not for the event loop.

    A file that cannot be read does not keep the others from being compressed.
    """
    jobs = []
    for name, found in sorted(overlay.files(), key=lambda item: _rank(item[0])):
        if name.startswith(_NEVER) or name.endswith((".symbols", ".map")):
            continue
        if is_compressible(name, found.status.st_size):
            try:
                digest = overlay.digest(found)
            except OSError as error:
                _LOG.info("not compressed: %s cannot be read (%s)", found.path, error.strerror or error)
                continue
            jobs += [
                Job(str(found.path), digest, coding) for coding in CODINGS if not cache.has(digest, coding)
            ]
    return jobs


def _rank(name: str) -> tuple[int, str]:
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)


def fill(cache: VariantCache, jobs: Iterable[Job], threads: int = 1) -> None:
    """Compress files at the best quality into the cache. A file that has changed meanwhile is left out.

    Raises:
        OSError: the cache cannot be written.
    """
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda job: _compress(cache, job), jobs))
    cache.prune()


def _compress(cache: VariantCache, job: Job) -> None:
    if cache.has(job.digest, job.coding):
        return
    try:
        content = Path(job.path).read_bytes()
    except OSError:
        return  # it was removed
    if digest_of(content) == job.digest:
        cache.write(job.digest, job.coding, compressed(content, job.coding, best=True))


def build(overlay: Overlay, cache: VariantCache) -> int:
    """Fill the cache now, with all processors, for others to read; returns how many files were added.

    Raises:
        OSError: the cache cannot be written.
    """
    cache.prepare(0o755)
    jobs = missing(overlay, cache)
    fill(cache, jobs, min(_MOST_THREADS, os.cpu_count() or 1))
    return len(jobs)


class Precompressor:
    """Has the cache filled in the background, by a process that ends with this one.

    Args:
        overlay: the files.
        cache: where to put what is made of them.
    """

    def __init__(self, overlay: Overlay, cache: VariantCache) -> None:
        self._overlay = overlay
        self._cache = cache
        self._lock = threading.Lock()
        self._begun: float | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def start(self) -> None:
        """See to it that the cache gets filled; returns at once, and may be called at any time and often."""
        with self._lock:
            now = time.monotonic()
            recent = self._begun is not None and now - self._begun < _AGAIN
            if self._closed or recent or self._process is not None:
                return
            self._begun = now
        threading.Thread(target=self._run, name="flet-cluster-precompress", daemon=True).start()

    def stop(self) -> None:
        """End the work; what is finished stays in the cache."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()

    def _run(self) -> None:
        try:
            self._cache.prepare()
            jobs = missing(self._overlay, self._cache)
            if jobs:
                self._in_process(jobs)
        except OSError as error:
            if self._cache.folder.is_dir():
                return  # filled beforehand
            _LOG.info(
                "the web client is compressed less well: nothing can be kept in %s (%s). "
                "Set FLET_CLUSTER_CACHE_DIR, or fill it beforehand with flet-cluster precompress",
                self._cache.folder,
                error.strerror or error,
            )

    def _in_process(self, jobs: list[Job]) -> None:
        command = [sys.executable, "-P", "-m", "flet_cluster.http.precompress"]
        with self._lock:
            if self._closed:
                return
            self._process = subprocess.Popen(  # noqa: S603  this package itself
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
            )
        process = self._process
        try:
            assert process.stdin is not None
            work = {"folder": str(self._cache.folder), "jobs": [asdict(job) for job in jobs]}
            process.stdin.write(json.dumps(work).encode() + b"\n")
            process.stdin.flush()
            process.wait()
            process.stdin.close()
        finally:
            with self._lock:
                self._process = None


def _end_with(parent: int) -> None:
    """Wait for the end of a pipe. Not through its buffer, whose lock Python wants when it ends."""
    while os.read(parent, 1):
        pass
    os._exit(0)


def _be_humble() -> None:
    """Run only when nothing else wants to."""
    if hasattr(os, "nice"):
        os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def main() -> None:
    """Do the work that stdin names, until it is done or stdin ends."""
    _be_humble()
    work = json.loads(sys.stdin.buffer.readline() or b"null")
    if work is None:
        return
    threading.Thread(target=_end_with, args=(sys.stdin.fileno(),), daemon=True).start()
    cache = VariantCache(Path(work["folder"]))
    try:
        with cache.alone() as alone:
            if alone:
                fill(cache, [Job(**job) for job in work["jobs"]])
    except OSError as error:
        sys.exit(f"flet-cluster: the compressed web client cannot be kept in {cache.folder}: {error}")


if __name__ == "__main__":
    main()
