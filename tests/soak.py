"""How far the state machines go: a little in ``make test``, far in ``make soak``."""

from __future__ import annotations

import os

EXAMPLES = int(os.environ.get("TEST_EXAMPLES", "40"))
STEPS = int(os.environ.get("TEST_STEPS", "60"))
SOAK = STEPS > 60
"""Whether this is ``make soak``: for what is too long for each change."""
