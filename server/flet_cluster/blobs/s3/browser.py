"""What a browser does with a bucket's signed URLs, without one (layer 2: imports no boto3). Blocks."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flet_cluster.blobs.steps import StepFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """Send one request. Raises StepFailed if nothing comes back."""
    request = urllib.request.Request(url, body, dict(headers or {}), method=method)  # noqa: S310  we signed it
    try:
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
                return _read(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as refusal:
            with refusal:
                return _read(refusal.code, dict(refusal.headers), refusal.read())
    except OSError as error:
        place = url.partition("?")[0]
        raise StepFailed(f"{place} does not answer ({error}). Browsers have to reach it, too") from error


def _read(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    return Answer(status, {name.lower(): value for name, value in headers.items()}, body)


def preflight(url: str, origin: str) -> None:
    """Ask as a browser does before it sends a file from a page of ``origin``. Raises StepFailed."""
    wanted = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
    answer = ask("OPTIONS", url, headers={"Origin": origin, **wanted})
    allowed = answer.headers.get("access-control-allow-origin", "")
    methods = {
        word.strip().upper() for word in answer.headers.get("access-control-allow-methods", "").split(",")
    }
    if not 200 <= answer.status < 300 or allowed not in {origin, "*"} or not methods & {"PUT", "*"}:  # noqa: PLR2004
        raise StepFailed(
            f"pages of {origin} may not send files to the bucket (status {answer.status}, allowed: "
            f"{allowed or 'nobody'}): flet-cluster storage init --origin {origin} allows it"
        )
