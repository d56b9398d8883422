"""The port opens when a node is ready, and not before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from tests.bench.start import started

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("workers", [1, 3])
def test_who_gets_a_connection_is_served(tmp_path: Path, workers: int) -> None:
    with started(workers, str(tmp_path)) as (port, _):
        assert httpx.get(f"http://127.0.0.1:{port}/readyz").json() == {"status": "ready"}
        page = httpx.get(f"http://127.0.0.1:{port}/")
        assert page.status_code == 200
        assert "resume" in page.text
