"""Input without handlers (typing, ticking a box) is state too: committed soon, and at once when needed."""

from __future__ import annotations

from tests.cluster.tools import Place, World, eventually, leave, send
from tests.steps import Change, Click, Find

NAME = Find(type="TextField")
BOX = Find(type="Checkbox")


async def test_what_was_typed_is_committed_without_any_handler(world: World) -> None:
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        before = world.row(tab)
        send(tab, Change(NAME, "Ada"), Change(BOX, value=True))
        await eventually(lambda: world.row(tab).rx == before.rx + 2, "committed by itself")
        place.move(other)
        holder.kill()
        # From here on only the record knows: the link has forgotten what was acknowledged.
        await tab.until(lambda: tab.link.pending == 0)
        await tab.do(Click("show"))
        assert "Form: Ada True" in tab.client.texts()


async def test_much_typing_costs_few_commits(world: World) -> None:
    async with world.tab(Place(world.pair()[0])) as tab:
        before = world.row(tab)
        text = "What is typed on and on "
        send(tab, *(Change(NAME, text[:length]) for length in range(1, len(text) + 1)))
        await tab.settle()
        after = world.row(tab)
        assert after.rx == before.rx + len(text)
        assert after.commit - before.commit < len(text) / 2


async def test_a_kill_amid_typing_loses_no_letter(world: World) -> None:
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        place.move(other)
        for length in range(1, 20):
            send(tab, Change(NAME, "x" * length))
            if length == 10:
                holder.kill()
        await tab.do(Click("show"))
        assert f"Form: {'x' * 19} False" in tab.client.texts()


async def test_a_node_that_leaves_commits_what_was_typed_last(world: World) -> None:
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        send(tab, Change(NAME, "Grace"))
        place.move(other)
        assert await leave(holder) == 0
        await tab.do(Click("show"))
        assert "Form: Grace False" in tab.client.texts()


async def test_a_holder_that_is_asked_commits_what_was_typed_last(world: World) -> None:
    first, second = world.pair()
    place = Place(first)
    async with world.tab(place) as tab:
        for number in range(6):
            send(tab, Change(NAME, f"to {number}"))
            place.move(first if number % 2 else second)
            await tab.cut()
            await tab.do(Click("show"))
            assert f"Form: to {number} False" in tab.client.texts()
