"""Notices that an app's code has changed (layer 5: looks at files only, starts nothing).

What counts is the difference between two looks at the files, not what the operating system reports: its
reports only say when to look. So nothing is lost while a new folder is not watched yet, editors that write
by renaming are like any other, and where files cannot be watched it is enough to look now and then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from flet_cluster.errors import ProgramError
from flet_cluster.host.folders import script_in

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

_LOG = logging.getLogger("flet_cluster.supervisor")
_FOREIGN = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})
_ENVIRONMENT = "pyvenv.cfg"
_PAGES = ("index.html", "manifest.json")
"""Assets that a node reads once, at its start. It serves all others as they are now."""
_MOST_FOLDERS = 1000
_LOOK_ANYWAY = 2.0
_POLL = 1.0
_QUIET_MS = 50
_BURST_MS = 800

State = dict[Path, tuple[int, int, int]]
"""File → what changes when it is written: time, size, inode."""


def folder_of(target: str) -> Path:
    """Return the folder that holds the code of a target: a script's own, or the current one.

    Raises:
        ProgramError: there is no such script, and no change will bring it.
    """
    place = target.partition(":")[0]
    script = script_in(Path(place))
    if script is not None:
        return script.resolve().parent
    if not place.endswith(".py") and not Path(place).is_file():
        return Path.cwd()
    if not Path(place).is_file():
        raise ProgramError(f"There is no file {place}. Name a Python file, or a module as pkg.mod.")
    return Path(place).resolve().parent


def folders_below(folder: Path) -> list[Path]:
    """Return a folder and those below it that may hold code of the app, the nearest first, up to a bound."""
    found: list[Path] = []
    waiting = deque([folder])
    while waiting and len(found) < _MOST_FOLDERS:
        current = waiting.popleft()
        try:
            with os.scandir(current) as entries:
                inside = sorted(entry.path for entry in entries if _is_app_folder(entry))
        except OSError:  # it is gone, or not ours to read
            continue
        found.append(current)
        waiting += map(Path, inside)
    return found


def _is_app_folder(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or entry.name in _FOREIGN or not entry.is_dir(follow_symlinks=False):
        return False
    return not Path(entry.path, _ENVIRONMENT).exists()


def look(folders: list[Path], pages: Path | None = None) -> State:
    """Take down the state of all source files directly in some folders, and of an assets folder's pages."""
    state: State = {}
    for folder in folders:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    _note(state, Path(entry.path))
    for name in _PAGES if pages else ():
        _note(state, Path(pages or "", name))
    return state


def _note(state: State, path: Path) -> None:
    with contextlib.suppress(OSError):
        status = path.stat()
        state[path] = (status.st_mtime_ns, status.st_size, status.st_ino)


def differences(before: State, now: State) -> list[Path]:
    """Return the files that came, went or were written, in order."""
    return sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))


async def changes(folder: Path, assets: Callable[[], Path | None]) -> AsyncIterator[list[Path]]:
    """Yield the files that have changed, each time some have, until the caller stops.

    Args:
        folder: the app's folder.
        assets: returns its assets folder, as far as it is known.
    """
    pages = assets()
    folders = folders_below(folder)
    state = look(folders, pages)
    if len(folders) == _MOST_FOLDERS:
        _LOG.warning(
            "%s holds many folders: only changes in the nearest %d are noticed", folder, _MOST_FOLDERS
        )
    while True:
        watched = [*folders, *([pages] if pages and pages.is_dir() else [])]
        async with contextlib.aclosing(_hints(watched)) as hints:
            async for _ in hints:
                known = pages
                pages, folders = assets(), folders_below(folder)
                now = look(folders, pages)
                same_pages = pages == known  # which folder that is becomes known with the first load
                changed = [file for file in differences(state, now) if same_pages or file.suffix == ".py"]
                state = now
                if changed:
                    yield changed
                if [*folders, *([pages] if pages and pages.is_dir() else [])] != watched:
                    break


async def _hints(folders: list[Path]) -> AsyncGenerator[None, None]:
    """Say when to look: when something happened in a folder, and every few seconds anyway."""
    from watchfiles import awatch  # noqa: PLC0415  an optional part

    try:
        async for _ in awatch(
            *folders,
            watch_filter=None,
            recursive=False,
            step=_QUIET_MS,
            debounce=_BURST_MS,
            rust_timeout=int(_LOOK_ANYWAY * 1000),
            yield_on_timeout=True,
        ):
            yield
    except (OSError, RuntimeError) as error:  # a folder is gone, or there are more than the system watches
        _LOG.debug("files cannot be watched, looking every %g s: %s", _POLL, error)
        await asyncio.sleep(_POLL)
        yield
