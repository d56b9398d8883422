"""What people write for a value, turned into the one form (layer 0: imports pydantic only).

Each function takes what was given and returns what the field's own check then accepts or refuses: a value
that is not understood comes back as it is, so that the message names what was written.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import ByteSize, TypeAdapter, ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

ALLOWED = {"bool_parsing": "write true or false (or 1, yes, 0, no)"}
"""Kind of pydantic's error → what is allowed, where it does not say so itself."""

_LEVELS = {"warn": "warning", "fatal": "critical", "notset": "debug"}
_CERT_REQS = {"0": "none", "1": "optional", "2": "required"}
_OFF = frozenset({"off", "none", "no", "false"})
_LAST_PORT = 65535
_GONE_RENDERERS = {"html": "canvaskit"}
_SIZE = TypeAdapter(ByteSize)


def size(value: object) -> object:
    """Turn ``"10MB"`` (10 million) or ``"4GiB"`` into bytes.

    Raises:
        ValueError: the text is no size.
    """
    if not isinstance(value, str):
        return value
    try:
        return int(_SIZE.validate_python(value.strip()))
    except ValidationError:
        raise ValueError("a number of bytes, or a size such as 10MB or 4GiB") from None


def endpoint(value: object) -> object:
    """Keep the address of a server, without a slash at its end.

    Raises:
        ValueError: it is no address, or names something below a server.
    """
    if not isinstance(value, str):
        return value
    address = value.rstrip("/")
    if not re.fullmatch(r"https?://[^\s/?#@]+", address):
        raise ValueError("the address of a server and nothing else, such as https://s3.example.com:9000")
    return address


def upload_prefix(value: str) -> str:
    """Return the prefix with one slash at its end, and "" for ``/``.

    Raises:
        ValueError: it has other placeholders than there are, or is no path that names could begin with.
    """
    path = value.strip("/")
    plain = path.replace("{app}", "app").replace("{session}", "session")
    if not re.fullmatch(r"([A-Za-z0-9_~-][A-Za-z0-9._~-]*(/|$))*", plain):
        raise ValueError(
            "a path of letters, digits and . _ ~ -, in which {app} and {session} are filled in, such as "
            "{app}/{session}/; or / for none"
        )
    return f"{path}/" if path else ""


def port_or_off(value: object) -> object:
    """Turn ``off`` into None, and a port into its number.

    Raises:
        ValueError: it is neither.
    """
    if value is None or _word(value) in _OFF:
        return None
    try:
        port = int(value) if isinstance(value, (str, int)) else -1
    except ValueError:
        port = -1
    if not 0 <= port <= _LAST_PORT:
        raise ValueError("a port, 0 for any free one, or off for none")
    return port


def log_level(value: object) -> object:
    """Accept the names of Python's ``logging`` in upper or lower case."""
    return _LEVELS.get(_word(value), _word(value) or value)


def lower(value: object) -> object:
    """Accept a word in upper or lower case."""
    return _word(value) or value


def url_path(value: object) -> object:
    """Keep a path of URLs without slashes around it, as Flet does.

    Raises:
        ValueError: browsers would ask for another path, since they resolve ``..`` and the like.
    """
    if not isinstance(value, str):
        return value
    path = value.strip("/")
    if path and not {".", "..", ""}.isdisjoint(path.split("/")):
        raise ValueError("a path with names between its slashes, none of them . or ..")
    return path


def cert_reqs(value: object) -> object:
    """Accept the numbers that uvicorn and the ``ssl`` module use."""
    return _CERT_REQS.get(str(value), value)


def renderer(value: object) -> object:
    """Replace renderers that Flet's client no longer has by the nearest."""
    return _GONE_RENDERERS.get(_word(value), _word(value) or value)


def remarks(given: Mapping[str, tuple[str, Any]]) -> list[str]:
    """Return a sentence for each value that means something else than it did.

    Args:
        given: where a value comes from (``FLET_WEB_RENDERER``) → field and value.
    """
    return [
        f"{origin} = {value!r}: today's Flet client has no such renderer; {_GONE_RENDERERS[_word(value)]} "
        "is used"
        for origin, (field, value) in given.items()
        if field == "web_renderer" and _word(value) in _GONE_RENDERERS
    ]


def _word(value: object) -> str:
    """Return text without what does not matter in it; "" for what is no text."""
    return value.strip().lower() if isinstance(value, str) else ""
