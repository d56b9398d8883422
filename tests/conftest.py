"""For all tests: this machine has no screen, so that nothing they start opens a browser on it."""

from __future__ import annotations

import os

for _name in ("DISPLAY", "WAYLAND_DISPLAY"):
    os.environ.pop(_name, None)
