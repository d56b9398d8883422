"""A password in a Redis URL that is written wrongly is shown to nobody."""

from __future__ import annotations

import pytest

from flet_cluster.errors import SettingsError
from flet_cluster.settings import Settings

PASSWORD = "s3cr3tPW"


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{PASSWORD}#x@127.0.0.1:1/0",
        f"redis://:{PASSWORD}/x@127.0.0.1:1/0",
        f"redis://:{PASSWORD}?x@127.0.0.1:1/0",
        f"redis://:{PASSWORD}[@127.0.0.1:1/0",
        f"redis://:{PASSWORD}@host:port/0",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match="percent-encoded") as refused:
        Settings.load({"redis_url": url, "secret_key": "long enough for a key"})
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1",
        f"rediss://user:{PASSWORD}%23@cache.internal:6380/1?ssl_cert_reqs=required",
        f"unix://:{PASSWORD}@/run/valkey.sock?db=2",
        "redis://[::1]:6379/0",
        "redis+cluster://a:1",
    ],
)
def test_urls_that_can_be_read_are_taken(url: str) -> None:
    assert Settings.load({"redis_url": url, "secret_key": "long enough for a key"}).redis_url is not None
