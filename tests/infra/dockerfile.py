"""Carries out a Dockerfile without a container engine: each stage is a layer over this machine's own root.

What the base image would bring (Debian, Python) is this machine's. Everything else is done as it is written:
COPY, RUN as root in that root, and what the image starts as the image's user, read-only but for ``/tmp``,
with the image's variables and no others. Needs root on Linux, and overlayfs.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


def instructions(file: Path) -> list[tuple[str, str]]:
    """Return what a Dockerfile says: instruction and the rest, continued lines joined."""
    lines = [line for line in file.read_text().splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines())]


@dataclass
class Stage:
    """One image, or what becomes of it.

    Attributes:
        folder: has ``upper``, which is what was written over this machine's root.
        env: its variables.
        config: instructions that are only noted, the last of each.
    """

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    config: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"

    @property
    def upper(self) -> Path:
        return self.folder / "upper"

    def inside(self, path: str) -> Path:
        """Where a path of the image is here."""
        return self.upper / os.path.normpath(f"{self.workdir}/{path}" if path[0] != "/" else path)[1:]

    def prepare(self) -> None:
        """Make it as if from ``python:slim``."""
        for name in ("upper/usr/local/bin", "upper/app", "work", "merged"):
            (self.folder / name).mkdir(parents=True)
        _install_python(self.upper / "usr/local")
        subprocess.run(self.command(["ldconfig"]), check=True)

    def command(self, words: list[str], *, user: str = "0", read_only: bool = False) -> list[str]:
        """Return the command that runs something in it."""
        merged, upper, work = self.folder / "merged", self.upper, self.folder / "work"
        layers = f"lowerdir=/,upperdir={upper},workdir={work}"
        steps = [
            f"mount -t overlay overlay -o {layers} {merged}",
            f"mount --bind /dev {merged}/dev",
            f"mount -t proc proc {merged}/proc",
        ]
        if read_only:
            steps += [f"mount -t tmpfs -o mode=1777 tmpfs {merged}/tmp", f"mount -o remount,ro {merged}"]
        group = user.partition(":")[2] or user
        there = f'cd {shlex.quote(self.workdir)} && exec "$@"'
        run = f"exec setpriv --no-new-privs chroot --userspec={user.partition(':')[0]}:{group} {merged}"
        script = " && ".join([*steps, f'{run} sh -c {shlex.quote(there)} sh "$@"'])
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *words]


def _install_python(to: Path) -> None:
    """Put this Python where the base image has its own."""
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    library = Path(sysconfig.get_path("stdlib"))
    left_out = shutil.ignore_patterns(
        "test", "site-packages", "__pycache__", "config-*", "idlelib", "tkinter"
    )
    shutil.copytree(library, to / "lib" / name, ignore=left_out, symlinks=True)
    shutil.copy(os.path.realpath(sys.executable), to / "bin" / name)
    for shared in Path(sysconfig.get_config_var("LIBDIR")).glob("libpython*.so*"):
        shutil.copy(shared, to / "lib", follow_symlinks=False)
    for alias in ("python", "python3"):
        (to / "bin" / alias).symlink_to(name)


@functools.cache
def can_build() -> bool:
    """Whether this machine lets tests do all that."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        stage.prepare()
        return subprocess.run(stage.command(["true"]), capture_output=True, check=False).returncode == 0


def build(file: Path, folder: Path, base: Stage | None = None, context: Path = ROOT) -> Stage:
    """Carry out a Dockerfile; returns its last stage."""
    stages: dict[str, Stage] = {}
    stage = Stage(folder)
    for word, rest in instructions(file):
        if word == "FROM":
            name = rest.partition(" AS ")[2] or f"stage{len(stages)}"
            stage = stages[name] = base or Stage(folder / name)
            if base is None:
                stage.prepare()
        else:
            _do(stage, word, rest, stages, context)
    return stage


def _do(stage: Stage, word: str, rest: str, stages: dict[str, Stage], context: Path) -> None:
    match word:
        case "WORKDIR":
            stage.workdir = rest
            stage.inside(rest).mkdir(parents=True, exist_ok=True)
        case "ENV":
            for part in shlex.split(rest):
                name, _, value = part.partition("=")
                stage.env[name] = value.replace("$PATH", stage.env.get("PATH", PATH))
        case "COPY":
            words = shlex.split(rest)
            source = (
                stages[words.pop(0).partition("=")[2]].upper if words[0].startswith("--from=") else context
            )
            _copy(source, words[:-1], stage, words[-1])
        case "RUN":
            kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
            env = {"PATH": PATH, "HOME": "/root", **kept, **stage.env}
            subprocess.run(stage.command(["sh", "-e", "-c", rest]), env=env, check=True)
        case _:
            stage.config[word] = rest


def _copy(source: Path, names: list[str], stage: Stage, to: str) -> None:
    target = stage.inside(to)
    for name in names:
        here = source / name.lstrip("/")
        if here.is_dir():
            skipped = shutil.ignore_patterns("__pycache__", "*.pyc")
            ignore = skipped if source == ROOT else None
            shutil.copytree(here, target, symlinks=True, dirs_exist_ok=True, ignore=ignore)
        else:
            place = target / here.name if to.endswith("/") or len(names) > 1 else target
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(here, place)


def words_of(instruction: str) -> list[str]:
    """Return the words of a command in the form of a list, which HEALTHCHECK has after CMD."""
    found: list[str] = json.loads(instruction[instruction.index("[") :])
    return found
