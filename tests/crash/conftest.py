"""What the crash tests share: a Valkey, the zygotes, the recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.crash.herd import NODE_MODULES
from tests.crash.reference import TWIN_MODULES, References
from tests.crash.zygote import Zygote
from tests.servers import running

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    with running("valkey") as url:
        yield url


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    with Zygote(*NODE_MODULES) as started:
        yield started


@pytest.fixture(scope="session")
def references() -> Iterator[References]:
    # Not the nodes' zygote: the reference is stock Flet, where nothing of the product was ever imported.
    with Zygote(*TWIN_MODULES) as started:
        yield References(started)
