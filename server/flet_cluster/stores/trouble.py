"""Why a server refuses, in words for its operator (layer 2).

A sentence continues "the Redis at …" or "the store …" and says what to do next. It never holds a password:
what the server itself says is quoted for missing permissions only, and names users and commands at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from redis.exceptions import AuthenticationError, BusyLoadingError, MovedError, NoPermissionError, RedisError
from redis.exceptions import OutOfMemoryError as OutOfMemory
from redis.exceptions import ReadOnlyError as ReadOnly

if TYPE_CHECKING:
    from collections.abc import Iterator

PERMISSIONS: Final = "+@all -@dangerous +info ~fc:* &fc:*"
"""What the user of a node needs, as ``ACL SETUSER`` takes it. (INFO is for warnings only, but counts.)"""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a server that answers.

    Attributes:
        sentence: what it does, and what to do.
        final: it stays so until somebody changes a setting here or there; trying again does not help.
    """

    sentence: str
    final: bool = False


_NO_DATABASE = "has no database of the number at the end of its URL. Most have 0 to 15, a cluster only 0."

_TABLE: tuple[tuple[type[Exception], str, Trouble], ...] = (
    (
        AuthenticationError,
        "without any password",
        Trouble("has no password for this user, but its URL names one. Take it out, or set it there.", True),
    ),
    (
        AuthenticationError,
        "uthentication required",
        Trouble(
            "wants a password, and its URL has none. Write redis://:PASSWORD@HOST:PORT, "
            "or redis://USER:PASSWORD@HOST:PORT.",
            True,
        ),
    ),
    (
        AuthenticationError,
        "",
        Trouble(
            "refuses the user name or the password. Correct them in its URL; characters such as # / ? @ in a "
            "password are percent-encoded there.",
            True,
        ),
    ),
    (
        NoPermissionError,
        "",
        Trouble(
            "does not let its user do all that sessions need ({error}). Allow it there: "
            f"ACL SETUSER NAME {PERMISSIONS}",
            True,
        ),
    ),
    (RedisError, "DB index is out of range", Trouble(_NO_DATABASE, True)),
    (RedisError, "Invalid Database", Trouble(_NO_DATABASE, True)),
    (
        RedisError,
        "SELECT is not allowed",
        Trouble("is a cluster, which has database 0 only. Write redis+cluster://HOST:PORT.", True),
    ),
    (MovedError, "", Trouble("is part of a cluster. Write redis+cluster:// in its URL instead of redis://.")),
    (
        OutOfMemory,
        "",
        Trouble("has no memory left (OOM) and takes no writes. Raise its maxmemory, or free some."),
    ),
    (
        ReadOnly,
        "",
        Trouble("is a replica (READONLY) and takes no writes. Name the primary, or make this one it."),
    ),
    (
        RedisError,
        "MISCONF",
        Trouble(
            "cannot save its data (MISCONF) and takes no writes. Its own log says why: often a full disk."
        ),
    ),
    (
        RedisError,
        "NOREPLICAS",
        Trouble("has too few replicas (NOREPLICAS) and takes no writes. Start them, or lower min-replicas."),
    ),
    (BusyLoadingError, "", Trouble("is still loading its data. It answers when it is done.")),
)
"""Kind of error, part of its text, and what it means; the first that fits counts."""


def trouble_of(error: BaseException) -> Trouble | None:
    """Say what an error, or one of those that caused it, tells about the server; None: nothing known."""
    for cause in _causes(error):
        for kind, text, trouble in _TABLE:
            if isinstance(cause, kind) and text in str(cause):
                return Trouble(trouble.sentence.format(error=str(cause).rstrip(".")), trouble.final)
    return None


def is_from_redis(error: BaseException) -> bool:
    """Whether an error is one of the Redis client's."""
    return isinstance(error, RedisError)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it was raised from."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__
