"""``flet-cluster precompress`` (layer 5)."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import Annotated

import typer


def precompress(
    cache_dir: Annotated[
        Path | None, typer.Option(help="Folder to fill; default: FLET_CLUSTER_CACHE_DIR, or this user's.")
    ] = None,
    assets: Annotated[Path | None, typer.Option(help="Folder of files to serve.")] = None,
) -> None:
    """Compress the web client and an app's assets ahead, so that nodes need not: for image builds."""
    from flet_cluster.http.cache import VariantCache  # noqa: PLC0415  Flet takes a while to import
    from flet_cluster.http.precompress import build  # noqa: PLC0415  the same
    from flet_cluster.http.static import client_files, default_cache_dir  # noqa: PLC0415  the same
    from flet_cluster.settings import Settings  # noqa: PLC0415  the same

    settings = Settings.load({"cache_dir": cache_dir, "assets_dir": assets.resolve() if assets else None})
    folder = settings.cache_dir or default_cache_dir()
    try:
        added = build(client_files(settings.assets_dir), VariantCache(folder))
    except OSError as error:
        typer.echo(f"Error: {folder} cannot be filled: {error}. Name another with --cache-dir.", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{added} compressed files were added to {folder}")
