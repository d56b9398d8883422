"""The app that ``FLET_CLUSTER_APP`` names, for any ASGI server (layer 5).

    FLET_CLUSTER_APP=main.py hypercorn flet_cluster.asgi:app

It takes what ``flet-cluster run`` takes: a script, a module, a function in one (``main.py:main``), or an ASGI
application in one (``main.py:app``). All other settings are environment variables. Each process that the
server starts is a node: several need a Redis.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from flet_cluster.errors import SettingsError
from flet_cluster.fastapi.hosted import DROP_IN, application_of, settings_asked_by
from flet_cluster.host import compat
from flet_cluster.host.program import load_program
from flet_cluster.logs import configure_logging
from flet_cluster.serving import warn_of_unknown_variables
from flet_cluster.setting_sources import APP_VARIABLE
from flet_cluster.settings import Settings


def make() -> Any:
    """Load the app and return its ASGI application.

    Raises:
        SettingsError: the variable is not set, or a setting is wrong.
        ProgramError: there is no such app, or it failed.
    """
    target = os.environ.get(APP_VARIABLE, "")
    if not target:
        raise SettingsError(
            f"{APP_VARIABLE} is not set. Name the app in it, as for flet-cluster run: "
            f"{APP_VARIABLE}=main.py hypercorn flet_cluster.asgi:app"
        )
    arguments = sys.argv
    with compat.held():
        program = load_program(target, (), DROP_IN)
    sys.argv = arguments  # they are the server's
    settings = Settings.load({}, settings_asked_by(program)).with_secret_key()
    settings = settings.with_values(app_name=settings.app_name or program.name)
    configure_logging(settings)
    warn_of_unknown_variables(settings)
    return application_of(program, settings)


app = make()
