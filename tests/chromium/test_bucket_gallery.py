"""A picture in a bucket is shown by ``flet_cluster.uploads(page).url``, from the bucket's own address."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from tests.chromium.test_gallery import RED, painted, pick

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.chromium.conftest import Start
    from tests.chromium.screen import Screen
    from tests.storage import Storage


@pytest.fixture
def options(weed: Storage) -> Mapping[str, str]:
    return weed.env(weed.bucket())


def test_a_picture_in_a_bucket(
    start: Start, screen: Screen, options: Mapping[str, str], weed: Storage, tmp_path: Path
) -> None:
    image = tmp_path / "ein Bild — é.png"
    Image.new("RGB", (64, 64), RED).save(image)
    site = start("../uploads/gallery.py")
    command = [sys.executable, "-m", "flet_cluster.cli", "storage", "init", "--origin", site.url]
    subprocess.run(command, env={**os.environ, **options}, capture_output=True, check=True)
    screen.open(site.url, "pick")
    pick(screen, [image])
    screen.shows(f"{image.name}: all of it")
    with screen.page.expect_response(
        lambda answer: answer.request.method == "GET" and answer.url.startswith(weed.endpoint)
    ) as answer:
        screen.click("show")
    assert answer.value.body() == image.read_bytes()
    screen.photograph("picture")
    assert painted(screen) >= 60 * 60
