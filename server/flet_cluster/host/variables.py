"""Context variables that ``before_main`` sets (layer 3; imports no Flet).

In stock Flet ``before_main`` runs in the context of its socket, of which ``main`` and every handler get a
copy: a variable that it sets (the user's language, the tenant) is seen by all of them. Here it is also seen
after the session has moved.
"""

from __future__ import annotations

import contextvars
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Variables = tuple[tuple[contextvars.ContextVar[Any], Any], ...]
_UNSET = object()


def set_here(before: contextvars.Context, is_app: Callable[[str], bool]) -> Variables:
    """Return the app's own variables that the current context has and ``before`` has not, with their values.

    Those of libraries stay behind: what they hold is rarely anything that can travel.
    """
    now = contextvars.copy_context()
    changed = {var: value for var, value in now.items() if before.get(var, _UNSET) is not value}
    if not changed:
        return ()
    modules = [module for name, module in list(sys.modules.items()) if is_app(name)]
    own = {
        id(value)
        for module in modules
        if isinstance(module, ModuleType)
        for value in list(vars(module).values())
        if isinstance(value, contextvars.ContextVar)
    }
    return tuple((var, value) for var, value in changed.items() if id(var) in own)
