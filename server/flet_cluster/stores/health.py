"""What an operator of the Redis server should know before sessions live in it (layer 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from redis.exceptions import NoPermissionError, RedisError, ResponseError

from flet_cluster.errors import StoreUnavailable
from flet_cluster.stores.connect import RedisCluster

if TYPE_CHECKING:
    from flet_cluster.stores.connect import Client

OLDEST_VERSION = (7, 0)

_NO_COPY = (
    "the server has no replica and no persistence: when it restarts, sessions survive only on the nodes "
    "that hold them; add a replica or set appendonly yes"
)


async def problems(client: Client) -> list[str]:
    """Ask every primary about its version, eviction and persistence; one sentence per problem.

    Raises:
        StoreUnavailable: one does not answer.
    """
    targets: list[dict[str, Any]] = [{}]
    if isinstance(client, RedisCluster):
        targets = [{"target_nodes": node} for node in client.get_primaries()]
    found: list[str] = []
    try:
        for target in targets:
            found += await _problems_of(cast("Any", client), target)
    except NoPermissionError:
        return ["the server does not allow INFO: whether sessions are safe there cannot be said"]
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"the store does not answer ({type(error).__name__}: {error})") from error
    return list(dict.fromkeys(found))


async def _problems_of(client: Any, target: dict[str, Any]) -> list[str]:
    server = await client.info("server", **target)
    version = str(server.get("valkey_version") or server["redis_version"])
    found = []
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_VERSION:
        found.append(f"server version {version} is not supported: use Redis 7.0, Valkey 7.2 or newer")
    memory = await client.info("memory", **target)
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        found.append(
            f"maxmemory-policy is {policy}: the server may drop sessions when memory is short; "
            "set it to noeviction",
        )
    return found + await _persistence(client, target)


async def _persistence(client: Any, target: dict[str, Any]) -> list[str]:
    replication = await client.info("replication", **target)
    persistence = await client.info("persistence", **target)
    if int(replication.get("connected_slaves", 0)) or int(persistence.get("aof_enabled", 0)):
        return []
    try:
        save = (await client.config_get("save", **target)).get("save", "")
    except ResponseError:  # hosted servers forbid CONFIG; they persist by other means
        return []
    if save:
        return []
    return [_NO_COPY]
