"""What the commands on a live cluster have in common (layer 5)."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flet_cluster.inspection import Inspector
    from flet_cluster.settings import Settings

RedisUrl = Annotated[str | None, typer.Option(help="The cluster's Redis, redis://… or rediss://…")]
AppName = Annotated[str | None, typer.Option(help="The app's name, as the nodes have it.")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]

T = TypeVar("T")


def settings_from(redis_url: str | None, app_name: str | None) -> Settings:
    """Return the settings of a command. Raises SettingsError."""
    from flet_cluster.settings import Settings  # noqa: PLC0415  not for --help

    return Settings.read({"redis_url": redis_url, "app_name": app_name})


def within(settings: Settings, job: Callable[[Inspector], Awaitable[T]], *, acting: bool = False) -> T:
    """Do something with a cluster. ``acting``: it needs the secret key."""
    from flet_cluster.operating import open_cluster  # noqa: PLC0415  not for --help

    async def run() -> T:
        async with open_cluster(settings, acting=acting) as inspector:
            return await job(inspector)

    return asyncio.run(run())


def show_json(value: Any) -> None:
    """Print dataclasses, and what holds some, as JSON."""
    typer.echo(json.dumps(value, default=dataclasses.asdict, indent=2))
