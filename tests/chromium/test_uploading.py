"""``FilePicker`` in a real browser: whatever node is asked takes the file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.chromium.conftest import Start
    from tests.chromium.screen import Screen

LIMIT = 5_000_000


@pytest.fixture
def options(tmp_path: Path) -> Mapping[str, str]:
    return {"FLET_UPLOAD_DIR": str(tmp_path / "uploads"), "FLET_MAX_UPLOAD_SIZE": str(LIMIT)}


def test_files_of_all_kinds(start: Start, screen: Screen, tmp_path: Path) -> None:
    sizes = {"empty.bin": 0, "small.bin": 1000, "grün & 文件 1.bin": 100_000}
    sizes |= {"big.bin": LIMIT, "huge.bin": 2 * LIMIT}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(os.urandom(size))
    site = start("../uploads/app.py")
    screen.open(site.url, "pick")
    with screen.page.expect_file_chooser() as chooser:
        screen.click("pick")
    chooser.value.set_files([tmp_path / name for name in sizes])
    for name, size in sizes.items():
        if size <= LIMIT:
            screen.shows(f"{name}: all of it")
    why = f'{{"error":"too-large","detail":"Max upload size exceeded: {LIMIT} bytes"}}'
    screen.shows(f"huge.bin: Upload endpoint returned code 413: {why}")
    arrived = {path.name: path.read_bytes() for path in (tmp_path / "uploads" / "in").iterdir()}
    del sizes["huge.bin"]
    assert arrived == {name: (tmp_path / name).read_bytes() for name in sizes}
    screen.photograph("uploaded")
