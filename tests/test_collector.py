"""How the server sets the garbage collector, which frees the sessions that have left."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

SET = """
import gc, sys
from flet_cluster import serving
gc.set_threshold(*map(int, sys.argv[1:]))
serving._set_aside_what_is_there()
print(gc.get_threshold())
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((700, 10, 10), (5000, 10, 1)),
        ((2000, 10, 10), (5000, 10, 4)),
        ((20_000, 5, 5), (20_000, 5, 5)),
        ((0, 10, 10), (0, 10, 10)),
    ],
)
def test_it_looks_less_often_at_what_is_new_and_as_often_at_what_is_old(
    before: tuple[int, ...], after: tuple[int, ...]
) -> None:
    command = [sys.executable, "-c", SET, *map(str, before)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert ast.literal_eval(done.stdout) == after
