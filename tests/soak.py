"""How far the state machines and the chat go: a little in ``make test``, far in ``make soak``."""

from __future__ import annotations

import os

EXAMPLES = int(os.environ.get("TEST_EXAMPLES", "40"))
STEPS = int(os.environ.get("TEST_STEPS", "60"))
MEMBERS = int(os.environ.get("TEST_MEMBERS", "40"))
ROUNDS = int(os.environ.get("TEST_ROUNDS", "2"))
SOAK = STEPS > 60
"""Whether this is ``make soak``: for what is too long for each change."""
