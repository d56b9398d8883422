"""All commands in one (layer 5). What a command needs is imported when it runs: Flet takes a while."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from flet_cluster.cli import check, cluster, demo, hash_password, precompress, run, storage, top
from flet_cluster.errors import ClusterError, NotThere, SettingsError

FAILED = 1
USAGE = 2
NOT_THERE = 3
"""Exit codes: it did not work; a setting or an option is wrong; no such node or session."""

_cli = typer.Typer(
    name="flet-cluster",
    help="Host unmodified Flet web apps on any number of interchangeable nodes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"flet-cluster {version('flet-cluster')}, flet {version('flet')}")
        raise typer.Exit


@_cli.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show versions and exit.")
    ] = False,
) -> None:
    pass


_cli.command()(run.run)
_cli.command()(precompress.precompress)
_cli.command()(cluster.nodes)
_cli.command()(cluster.sessions)
_cli.add_typer(cluster.session)
_cli.command()(cluster.kick)
_cli.command()(cluster.drain)
_cli.command()(cluster.rebalance)
_cli.command()(top.top)
_cli.add_typer(storage.group)
_cli.command()(check.check)
_cli.command()(hash_password.hash_password)
_cli.command()(demo.demo)


def main() -> None:
    """Run the command line; known errors are one message on stderr."""
    try:
        _cli()
    except ClusterError as error:
        typer.echo(f"Error: {error}", err=True)
        kinds = {SettingsError: USAGE, NotThere: NOT_THERE}
        sys.exit(next((code for kind, code in kinds.items() if isinstance(error, kind)), FAILED))
