"""Commands on a live cluster: ``nodes``, ``sessions``, ``kick``, ``drain`` and so on (layer 5)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from flet_cluster.cli.options import AppName, Json, RedisUrl, settings_from, show_json, within

if TYPE_CHECKING:
    from flet_cluster.inspection import Inspector, Look, SessionDetail

_NodeId = Annotated[str, typer.Argument(help="The node's id, or how it begins.")]
_SessionId = Annotated[str, typer.Argument(help="The session's id, or how it begins.")]

session = typer.Typer(name="session", help="Look at one session.", no_args_is_help=True)


def nodes(redis_url: RedisUrl = None, app_name: AppName = None, *, as_json: Json = False) -> None:
    """List the nodes that are alive, and what they do."""
    settings = settings_from(redis_url, app_name)
    found = within(settings, lambda inspector: inspector.nodes())
    if as_json:
        show_json(found)
        return
    from flet_cluster.cli import tables  # noqa: PLC0415  not for --json
    from flet_cluster.operating import nobody  # noqa: PLC0415  the same

    if found:
        tables.show(tables.of_nodes(found, time.time()))
    else:
        typer.echo(nobody(settings))


def sessions(  # noqa: PLR0913  one parameter for each option
    redis_url: RedisUrl = None,
    app_name: AppName = None,
    *,
    node: Annotated[str, typer.Option(help="Only those of this node; its id, or how it begins.")] = "",
    state: Annotated[
        str, typer.Option(help="Only those that are connected, away, asleep, orphaned or expired.")
    ] = "",
    limit: Annotated[int, typer.Option(help="About how many.", min=1, max=100_000)] = 100,
    cursor: Annotated[str, typer.Option(help="Where the list before ended.")] = "",
    as_json: Json = False,
) -> None:
    """List sessions, and where they are."""
    from flet_cluster.inspection import listing  # noqa: PLC0415  not for --help

    wanted = listing.Wanted.of(node, state, limit, cursor)
    found = within(settings_from(redis_url, app_name), wanted.read)
    if as_json:
        show_json(found)
        return
    from flet_cluster.cli import tables  # noqa: PLC0415  not for --json

    if found.sessions:
        tables.show(tables.of_sessions(found.sessions, found.now))
    else:
        typer.echo("No session.")
    if found.cursor:
        typer.echo(f"There may be more: --cursor {found.cursor}")


@session.command("show")
def session_show(
    session_id: _SessionId, redis_url: RedisUrl = None, app_name: AppName = None, *, as_json: Json = False
) -> None:
    """Show all that is known of a session, and its life; with the secret key also what its node knows."""

    async def read(inspector: Inspector) -> tuple[SessionDetail, Look | None]:
        whole = await inspector.find(session_id)
        return await inspector.session(whole), (await inspector.look([whole])).get(whole)

    detail, look = within(settings_from(redis_url, app_name), read)
    if as_json:
        show_json({"session": detail, "look": look})
        return
    from flet_cluster.cli import tables  # noqa: PLC0415  not for --json

    for part in tables.of_detail(detail, look):
        tables.show(part)


def kick(
    session_id: _SessionId, redis_url: RedisUrl = None, app_name: AppName = None, *, as_json: Json = False
) -> None:
    """End a session, wherever it is. Its user is told, and begins anew; the app's on_close runs."""

    async def end(inspector: Inspector) -> tuple[str, str]:
        whole = await inspector.find(session_id)
        return whole, await inspector.kick(whole)

    whole, how = within(settings_from(redis_url, app_name), end, acting=True)
    if as_json:
        show_json({"session_id": whole, "outcome": how})
        return
    said = {
        "closed": "was ended, and its app was told.",
        "cut": "was ended; no node could tell its app in time.",
        "ended": "had ended before.",
    }
    typer.echo(f"Session {whole} {said[how]}")


def drain(
    node_id: _NodeId,
    redis_url: RedisUrl = None,
    app_name: AppName = None,
    *,
    timeout: Annotated[float, typer.Option(help="Seconds to wait until it has left.", min=0)] = 60.0,
) -> None:
    """Have a node hand its sessions over and leave, as on SIGTERM. Users do not notice."""
    from flet_cluster.inspection.leaving import see_off  # noqa: PLC0415  not for --help

    settings = settings_from(redis_url, app_name)
    left = within(settings, lambda inspector: see_off(inspector, node_id, timeout, typer.echo), acting=True)
    if not left:
        raise typer.Exit(1)


def rebalance(
    redis_url: RedisUrl = None,
    app_name: AppName = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait until the load is level.", min=0)] = 60.0,
) -> None:
    """Have users of crowded nodes moved to those with room, now; they do not notice."""
    from flet_cluster.levelling import level  # noqa: PLC0415  not for --help

    if not level(settings_from(redis_url, app_name), timeout, typer.echo):
        raise typer.Exit(1)
