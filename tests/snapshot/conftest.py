from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.snapshot.appcode import AppFolder, app_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def app(tmp_path: Path) -> Iterator[AppFolder]:
    yield from app_folder(tmp_path)
