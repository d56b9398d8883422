"""``flet-cluster hash-password`` (layer 5)."""

from __future__ import annotations

import sys

import typer

from flet_cluster import passwords
from flet_cluster.errors import SettingsError


def hash_password() -> None:
    """Ask for a password of the dashboard and print what may stand for it in FLET_CLUSTER_DASHBOARD_PASSWORD.

    The password is read from standard input: twice from a terminal, where it does not show, else one line.
    """
    if sys.stdin.isatty():
        password = typer.prompt(
            "Password of the dashboard", hide_input=True, confirmation_prompt=True, err=True
        )
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    try:
        typer.echo(passwords.hashed(password))
    except ValueError as error:
        raise SettingsError(f"The password cannot be used: {error}.") from None
