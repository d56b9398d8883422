"""Makes fresh processes fast: a process that has imported libraries, has done nothing else, and forks.

Starting Python with Flet takes most of a second, and the crash tests need a new process for every event. A
child of the zygote is what a process is right after its imports: no app, no control, no thread, no loop, no
connection; its own session, folder, environment and log. It never ran anything for any session.

``python -m tests.crash.zygote MODULE…`` reads one JSON order a line and answers each with one line. When its
input ends, so do its children. The order of sets is fixed (``PYTHONHASHSEED``), see :mod:`tests.twin`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any, NoReturn, Self

from tests.twin import ENVIRONMENT, ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PYTHONPATH = os.pathsep.join([str(ROOT), str(ROOT / "server")])
"""Tests and product, both from this tree."""


class Zygote:
    """The zygote seen from the test; a context manager.

    Args:
        modules: what it imports; of ``flet``, whose modules load when asked for, everything.
    """

    def __init__(self, *modules: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.zygote", *modules],
            cwd=ROOT,
            env={**ENVIRONMENT, "PYTHONPATH": PYTHONPATH},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(20)

    def start(
        self, call: str, arguments: Sequence[Any], env: Mapping[str, str], home: Path, log: Path
    ) -> int:
        """Fork a process that calls ``module:function``; returns its id."""
        answer = self._ask(call=call, arguments=arguments, env=dict(env), home=str(home), log=str(log))
        return int(answer["pid"])

    def signal(self, pid: int, number: int) -> None:
        """Send a signal to a child."""
        self._ask(pid=pid, signal=number)

    def status(self, pid: int) -> int | None:
        """The exit status of a child (negative: the signal that ended it); None while it runs."""
        status: int | None = self._ask(pid=pid)["status"]
        return status

    async def ended(self, pid: int, seconds: float = 30.0) -> int:
        """Wait for the end of a child; returns its exit status."""
        async with asyncio.timeout(seconds):
            while (status := self.status(pid)) is None:  # noqa: ASYNC110 - another process's child has no event
                await asyncio.sleep(0.004)
        return status

    def _ask(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


class _Children:
    """Inside the zygote: the processes it has forked, with the exit status of those that have ended."""

    def __init__(self) -> None:
        self._status: dict[int, int | None] = {}

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Do what an order says."""
        if "call" in order:
            pid = os.fork()
            if pid == 0:
                _live(order)
            self._status[pid] = None
            return {"pid": pid}
        pid = order["pid"]
        if "signal" in order and self.status(pid) is None:
            os.kill(pid, order["signal"])  # not waited for yet, so the id cannot be another process
        return {"status": self.status(pid)}

    def status(self, pid: int) -> int | None:
        """Look whether a child has ended."""
        if self._status[pid] is None:
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self._status[pid] = os.waitstatus_to_exitcode(status)
        return self._status[pid]

    def end(self) -> None:
        """Kill those that run."""
        for pid, status in self._status.items():
            if status is None:
                with contextlib.suppress(ProcessLookupError, ChildProcessError):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)


def _live(order: dict[str, Any]) -> NoReturn:
    """Be the child: nothing of the zygote's input and output, then the call."""
    status = 1
    try:
        os.setsid()
        os.chdir(order["home"])
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, target in enumerate((nothing, log, log)):
            os.dup2(target, number)
        os.environ.clear()
        os.environ.update(order["env"])
        module, _, function = order["call"].partition(":")
        getattr(importlib.import_module(module), function)(*order["arguments"])
        status = 0
    except SystemExit as stopped:
        status = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
    except BaseException:  # noqa: BLE001 - the end of a process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _import(names: Sequence[str]) -> None:
    for name in names:
        module = importlib.import_module(name)
        if name == "flet":
            for lazy in module.__all__:
                getattr(module, lazy)
    # A fork copies one thread only: what another one holds would stay locked for ever.
    assert threading.active_count() == 1, threading.enumerate()
    gc.freeze()  # what was imported stays for good: the children's collector need not look at it


def _serve(modules: Sequence[str]) -> None:
    _import(modules)
    children = _Children()
    try:
        for line in sys.stdin:
            print(json.dumps(children.obey(json.loads(line))), flush=True)
    finally:
        children.end()


if __name__ == "__main__":
    _serve(sys.argv[1:])
