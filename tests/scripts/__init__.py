"""What users do in the sample apps, and what they must see in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.scripts import advanced, basics, declarative

if TYPE_CHECKING:
    from tests.steps import Script

SCRIPTS: dict[str, Script] = {
    script.app: script for script in (*basics.SCRIPTS, *declarative.SCRIPTS, *advanced.SCRIPTS)
}
