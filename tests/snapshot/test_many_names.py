"""An app may have thousands of globals: an unused one costs next to nothing, a used one is never missed."""

from __future__ import annotations

import gc
import pickle
import pickletools
import weakref
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from flet_cluster.snapshot import envelope, seeds
from flet_cluster.snapshot.reducers import NameableTable

if TYPE_CHECKING:
    import pytest
    from tests.snapshot.appcode import AppFolder


def many(count: int) -> str:
    return "\n".join(f"L{n} = [{n}]" for n in range(count))


def naive(body: bytes, first: int, stop: int) -> set[int]:
    """One search for each index."""
    short = {index for index in range(first, min(stop, 256)) if b"h" + bytes((index,)) in body}
    return short | {i for i in range(max(first, 256), stop) if b"j" + i.to_bytes(4, "little") in body}


tricky = st.lists(
    st.one_of(
        st.sampled_from([b"h", b"j", b"hh", b"jj", b"\x00", b"\x00\x00", b"\n", b"hj\x00\x00h"]),
        st.integers(min_value=256, max_value=70_000).map(lambda n: b"j" + n.to_bytes(4, "little")),
        st.integers(min_value=0, max_value=255).map(lambda n: b"h" + bytes((n,))),
        st.binary(max_size=3),
    ),
    max_size=30,
).map(b"".join)


@given(tricky, st.integers(9, 300), st.one_of(st.integers(0, 900), st.just(66_000)))
def test_one_pass_finds_what_one_search_for_each_name_finds(body: bytes, first: int, count: int) -> None:
    assert envelope._may_refer_to(body, first, first + count) == naive(body, first, first + count)


def test_every_reference_is_found_where_data_look_like_references(app: AppFolder) -> None:
    module = app.load(many(700))
    used = [getattr(module, f"L{n}") for n in range(90, 110)]  # index 104 is "h", 106 is "j"
    used += [module.L0, module.L246, module.L247, module.L699]
    root = [part for item in used for part in (item, b"h", "hj", item, b"j\x01\x00", b"\x00h")]
    copied = app.copy(root)
    assert [id(item) for item in copied[::6]] == [id(item) for item in used]
    assert copied == root


def test_data_that_look_like_references_import_nothing(app: AppFolder) -> None:
    """What is not needed here may not even be there, or take a second and many megabytes."""
    app.load("class Heavy: pass\nFACTS = {}", "heavy")
    module = app.load("class Page: pass\ndef use():\n    import heavy\n    return heavy.Heavy()\n")
    app.capture([module.Page(), module.use()])  # another session's: from now on captures begin with these
    page = module.Page()
    page.text = b"".join(b"h" + bytes((index,)) for index in range(256))
    assert app.elsewhere(page, "['heavy' in sys.modules, len(root.text)]") == [False, 512]
    assert app.elsewhere([page, module.use()], "type(root[1]).__module__") == "heavy"


def test_globals_that_are_not_used_take_no_room_and_are_not_asked_for(app: AppFolder) -> None:
    module = app.load(many(3000))
    data = app.capture({"used": module.L1000})
    assert len(data) < 3000 * 3
    asked = [
        argument for opcode, argument, _ in pickletools.genops(prologue(data)) if opcode.name == "BININT"
    ]
    assert len(asked) < 20
    assert app.restore(data)["used"] is module.L1000


def prologue(data: bytes) -> bytes:
    _, rest = envelope.unwrap(data)
    return rest[: rest.rindex(b"\x80\x05")] + pickle.STOP


def test_names_are_sorted_once_while_no_global_is_bound_anew(
    app: AppFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = app.load(many(50))
    asked: list[type] = []

    def ask(table: NameableTable, cls: type) -> bool:
        asked.append(cls)
        return bool(dict.__getitem__(table, cls)) if cls in table else table.__missing__(cls)

    monkeypatch.setattr(NameableTable, "__getitem__", ask, raising=False)
    app.capture([module.L1])
    first = len(asked)
    assert first >= 50
    app.capture([module.L1])
    app.capture([module.L2])
    assert len(asked) == first
    module.L50 = [50]
    assert app.copy([module.L50])[0] is module.L50


class Watched(dict[str, int]):
    """Can be referred to weakly."""


def test_nothing_that_a_global_was_is_kept(app: AppFolder) -> None:
    module = app.load(many(5) + "\ndef f(): pass\nclass C: pass\n")
    holders: list[Any] = [module, module.C, module.f]
    watched = []
    for holder in holders:
        holder.state = Watched()
        watched.append(weakref.ref(holder.state))
    module.mixed = ([], Watched())
    watched.append(weakref.ref(module.mixed[1]))
    app.capture([module.L1])
    for holder in holders:
        holder.state = None
    module.mixed = None
    gc.collect()
    assert [ref() for ref in watched] == [None] * 4


def test_a_value_of_another_kind_at_the_same_identity_is_noticed(app: AppFolder) -> None:
    """An object that is gone leaves its identity to the next."""
    module = app.load("class Owned: pass\nclass Free: pass\nX = Free()\n")
    app.portables.own(module.Owned)
    x = module.X
    assert app.copy([x])[0] is x
    x.__class__ = module.Owned
    assert app.copy([x])[0] is not x


def test_tuples_are_looked_at_as_they_are(app: AppFolder) -> None:
    module = app.load("X = ([], 1)\nY = (1, 2)\n")
    for _ in range(20):
        copied = app.copy([module.X, module.Y])
        assert copied[0] is module.X
        module.X, module.Y = (1, 2), ([], 1)
        assert app.copy([module.Y])[0] is module.Y
        assert b"X" not in app.capture([module.X])
        module.X, module.Y = ([], 1), (1, 2)


def test_a_global_that_another_thread_deletes_meanwhile(
    app: AppFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = app.load(many(5))
    app.capture([module.L1])
    read = seeds.Seeds._read

    def delete_first(known: seeds.Seeds) -> list[Any]:
        vars(module).pop("L4", None)
        return read(known)

    monkeypatch.setattr(seeds.Seeds, "_read", delete_first)
    assert app.copy([module.L1])[0] is module.L1


def test_objects_with_several_names_and_externals_that_have_one(app: AppFolder) -> None:
    """The pickler numbers on from the size of its memo, so nothing may be counted twice."""
    module = app.load(
        many(30) + "\nSAME = L3\nALL = globals()\nclass C: inner = L4; more = L4\ndef f(): pass\n"
    )
    module.f.mark = module.L5
    module.f.all = module.ALL
    for externals in ({}, {"one": module.L3, "two": module.L7, "three": module.L3, "all": vars(module)}):
        pair = ["a pair", 1]
        root = [module.SAME, module.L4, module.L5, module.ALL, pair, (pair, [pair]), module.L7, {"x": pair}]
        copied = app.copy(root, externals)
        assert copied[1] is module.L4
        assert copied[3] is vars(module)
        assert copied[:3] + copied[4:] == root[:3] + root[4:]
        assert copied[4] is copied[5][0] is copied[5][1][0] is copied[7]["x"]


def test_attributes_and_cells_of_functions_are_read_each_time(app: AppFolder) -> None:
    module = app.load(
        """
        def make():
            kept = [1]
            def get(): return kept
            def put(new):
                nonlocal kept
                kept = new
            return get, put
        get, put = make()
        get.mark = {"a": 1}
        """
    )
    for number in range(3):
        copied = app.copy([module.get(), module.get.mark])
        assert copied[0] is module.get()
        assert copied[1] is module.get.mark
        module.put([number])
        module.get.mark = {"b": number}


def test_snapshots_stay_readable_while_captures_learn_of_more_classes(app: AppFolder) -> None:
    """The classes that captures begin with move everything that comes after them."""
    module = app.load(many(200) + "".join(f"\nclass C{n}: pass" for n in range(70)))
    roots = [[getattr(module, f"C{n}")(), "h ", getattr(module, f"L{n}"), b"h\x0ah"] for n in range(70)]
    taken = [app.capture([*roots[:n], "h0"]) for n in range(70)]
    for n, data in enumerate(taken):
        restored = app.restore(data)[:-1]
        assert [type(root[0]) for root in restored] == [type(root[0]) for root in roots[:n]]
        assert all(new[2] is old[2] for new, old in zip(restored, roots, strict=False))
