"""Do apps that others wrote survive a move? Runs every Flet script of a folder.

    python -m tests.bench.published FOLDER [--report FILE] [--only SUBSTRING] [--seconds 60]

Each script that calls ``ft.run`` or ``ft.app`` is loaded as the product loads it and run to its first page. A
snapshot of the session goes to a fresh process, where the whole object graph is compared with the original.
Then every handler on the page is fired in both, and the packets are compared byte for byte; where they
differ, another run that never moved tells whether the app is deterministic at all. Packages that the
scripts need are found on ``PYTHONPATH``.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import contextlib
import json
import os
import pickle
import signal
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.halves import Half
from tests.bench.verdict import DIFFERENT, Verdict, judge, not_started
from tests.crash.zygote import PYTHONPATH, Zygote
from tests.twin import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MODULES = ("flet", "tests.bench.halves")
ENTRY_POINTS = frozenset({"run", "app", "run_async", "app_async"})
ENDED = 5.0
AGAIN = 5
"""So many runs that never moved are compared before a difference counts as one: Flet keeps who listens to an
observable in a set, so the order of rendering is one of two or three by chance."""


def find_scripts(folder: Path) -> Iterator[Path]:
    """Yield the files that start an app."""
    for file in sorted(folder.rglob("*.py")):
        try:
            tree = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError):
            continue
        if any(_starts_app(node) for node in ast.walk(tree)):
            yield file


def _starts_app(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="ft" | "flet"), attr=name)):
            return name in ENTRY_POINTS
    return False


@dataclass
class Runner:
    """Runs halves in forked processes, one after the other.

    Attributes:
        path: what goes on ``sys.path`` there.
        seconds: how long a process may take.
    """

    zygote: Zygote
    path: Sequence[str]
    seconds: float

    async def verdict(self, script: Path, name: str) -> Verdict:
        """Run one script through all that is to be known about it."""
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            stayed = await self._half("stay", script, place)
            if stayed.captured is None:
                return not_started(name, stayed.failure)
            if stayed.failure or stayed.captured.obstacle:
                return judge(name, stayed, None)
            moved = await self._half("move", script, place)
            found, again = judge(name, stayed, moved), list[Half]()
            while found.reason.endswith(DIFFERENT) and len(again) < AGAIN:
                again.append(await self._half("stay", script, place))
                found = judge(name, stayed, moved, again)
            return found

    async def _half(self, which: str, script: Path, folder: Path) -> Half:
        """Run one half in a fresh process, in the script's folder."""
        out, log = folder / which, folder / f"{which}.log"
        out.unlink(missing_ok=True)
        arguments = (str(script), str(folder), list(self.path))
        env = {**ENVIRONMENT, "PYTHONPATH": PYTHONPATH}
        pid = self.zygote.start(f"tests.bench.halves:{which}", arguments, env, script.parent, log)
        try:
            await self.zygote.ended(pid, self.seconds)
        except TimeoutError:
            self.zygote.signal(pid, signal.SIGKILL)
            await self.zygote.ended(pid, ENDED)
            return Half(failure=f"timeout: {which} took more than {self.seconds:g} s")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)  # processes that the app started
        if not out.exists():
            return Half(failure=f"process died: {log.read_text(errors='replace')[-2000:]}")
        half: Half = pickle.loads(out.read_bytes())
        return half


async def run(folder: Path, only: str, seconds: float) -> list[Verdict]:
    """Run all scripts whose path has ``only`` in it."""
    scripts = [file for file in find_scripts(folder) if only in str(file.relative_to(folder))]
    path = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    found = []
    with Zygote(*MODULES) as zygote:
        runner = Runner(zygote, path, seconds)
        for number, script in enumerate(scripts, 1):
            name = str(script.relative_to(folder))
            found.append(await runner.verdict(script, name))
            print(f"{number}/{len(scripts)} {name}: {found[-1].reason or 'identical'}", flush=True)
    return found


def summary(found: Sequence[Verdict]) -> Iterator[str]:
    """Figures, then reasons with their number and an example."""
    starts = sum(each.starts for each in found)
    yield f"{len(found)} scripts"
    yield f"{starts} start"
    for what, count in (("page", sum(v.page for v in found)), ("patches", sum(v.patches for v in found))):
        yield f"{count} come back with identical {what} ({count / max(starts, 1):.1%} of those that start)"
    counts = Counter(each.reason for each in found if each.reason)
    for reason, count in counts.most_common():
        example = next(each for each in found if each.reason == reason)
        first_line = next(iter(example.detail.splitlines()), "")
        yield f"{count:5}  {reason}\n         {example.script}: {first_line:.300}"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description="Do published apps survive a move?")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--report", type=Path, help="write a JSON line for each script")
    parser.add_argument("--only", default="", help="scripts with this in their path")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long one process may take")
    options = parser.parse_args()
    found = asyncio.run(run(options.folder.resolve(), options.only, options.seconds))
    if options.report:
        lines = (json.dumps(each.as_row()) + "\n" for each in found)
        options.report.write_text("".join(lines))
    print("", *summary(found), sep="\n")


if __name__ == "__main__":
    main()
