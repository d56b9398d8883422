"""Files go up, survive the death of the node that takes them, and come back: in a real browser."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import Error
from tests.shell.running import eventually

from flet_cluster.blobs.names import TEMPORARY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playwright.sync_api import Request
    from tests.chromium.conftest import NewScreen, Site, Start
    from tests.chromium.screen import Screen
    from tests.fleet import FleetNode

RED = (200, 30, 40)


@pytest.fixture
def options(tmp_path: Path) -> Mapping[str, str]:
    return {"FLET_UPLOAD_DIR": str(tmp_path / "uploads")}


def pick(screen: Screen, files: list[Path]) -> None:
    with screen.page.expect_file_chooser() as chooser:
        screen.click("pick")
    chooser.value.set_files(files)


def made(folder: Path, sizes: Mapping[str, int]) -> list[Path]:
    for name, size in sizes.items():
        (folder / name).write_bytes(os.urandom(size))
    return [folder / name for name in sizes]


def line(path: Path) -> str:
    """How the app describes a file that it has read."""
    content = path.read_bytes()
    return f"in/{path.name} {len(content)} {hashlib.sha256(content).hexdigest()}"


def throttle(screen: Screen, speed: int) -> None:
    """Let the browser send so many bytes in a second; -1 for as many as it can."""
    session = screen.page.context.new_cdp_session(screen.page)
    session.send("Network.enable")
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": speed}
    session.send("Network.emulateNetworkConditions", limits)


def taker(site: Site) -> FleetNode | None:
    """The node that writes an upload just now."""
    for node in site.fleet.nodes:
        with contextlib.suppress(OSError):
            for handle in Path(f"/proc/{node.process.pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    if TEMPORARY in str(handle.readlink()):
                        return node
    return None


def test_a_node_that_dies_while_it_takes_a_file(start: Start, screen: Screen, tmp_path: Path) -> None:
    """The upload fails and says so, nothing of it is to be seen, and it can be sent again."""
    files = made(tmp_path, {"empty.bin": 0, "one kilobyte.bin": 1000, "grün & 文件 1.bin": 6_000_000})
    site = start("../uploads/gallery.py")
    screen.open(site.url, "pick")
    throttle(screen, 1_000_000)
    pick(screen, files)
    ended: list[Request] = []
    node: FleetNode = eventually(lambda: taker(site), "a node takes the large file")
    screen.shows("grün & 文件 1.bin: on its way")
    for event in ("requestfailed", "requestfinished"):
        screen.page.on(event, lambda request: ended.append(request) if request.method == "PUT" else None)
    others = [other for other in site.fleet.nodes if other is not node]
    site.balancer.give_nothing_to(others)  # Chromium sends it once more by itself, and nobody would notice
    node.kill()
    while not ended:
        screen.page.wait_for_timeout(20)
    site.balancer.give_nothing_to(others, again=True)
    screen.shows("empty.bin: all of it", "one kilobyte.bin: all of it", "grün & 文件 1.bin: failed")
    screen.lacks("grün & 文件 1.bin: all of it")
    throttle(screen, -1)
    screen.click("look")
    screen.shows(*map(line, files[:2]))
    there = {path.name for path in (tmp_path / "uploads" / "in").iterdir()}
    left = there - {path.name for path in files[:2]}
    assert all(name.startswith(TEMPORARY) for name in left), left
    pick(screen, files[2:])  # Flet's client forgets a file that it has tried to send
    screen.shows("grün & 文件 1.bin: all of it")
    screen.click("look")
    screen.shows(*map(line, files))
    screen.photograph("uploaded")


def test_what_was_uploaded_is_shown(start: Start, new_screen: NewScreen, tmp_path: Path) -> None:
    """A picture is painted; a page is saved, by its name, and runs nothing."""
    screen = new_screen()
    image, page = tmp_path / "ein Bild — é.png", tmp_path / "böse & 文件.html"
    Image.new("RGB", (64, 64), RED).save(image)
    page.write_text("<script>document.title = 'evil'</script>")
    site = start("../uploads/gallery.py")
    screen.open(site.url, "pick")
    pick(screen, [image, page])
    screen.shows(f"{image.name}: all of it", f"{page.name}: all of it")
    with screen.page.expect_response(lambda answer: "/upload?" in answer.url) as answer:
        screen.click("show")
    assert answer.value.ok
    assert answer.value.body() == image.read_bytes()
    screen.photograph("picture")
    assert painted(screen) >= 60 * 60
    link = screen.page.evaluate("seen.lines().find((line) => line.startsWith('LINK /'))").split(" ")[1]
    other = new_screen()
    with other.page.expect_download() as download, contextlib.suppress(Error):
        other.page.goto(site.url.rstrip("/") + link)
    assert download.value.suggested_filename == page.name
    assert Path(download.value.path()).read_bytes() == page.read_bytes()


def painted(screen: Screen) -> int:
    """How many pixels of the page have the picture's colour."""
    picture = Image.open(io.BytesIO(screen.page.screenshot())).convert("RGB")
    return sum(count for count, colour in picture.getcolors(1 << 20) or () if colour == RED)
