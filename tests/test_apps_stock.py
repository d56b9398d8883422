"""The sample apps, the fake client and the reference run are right before any cluster is involved."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests import twin
from tests.page_dump import difference
from tests.plain_driver import arrived, plain_session, quiet
from tests.scripts import SCRIPTS
from tests.stock_server import stock_server

if TYPE_CHECKING:
    from tests.steps import Script

APPS = Path(__file__).parent / "apps"
OVER_SOCKETS = ("todo", "generators", "dialogs", "routing", "declarative_todo", "declarative_router")

reference = functools.cache(twin.reference)


def differences(left: object, right: object) -> list[str]:
    """The first few differences."""
    return list(itertools.islice(difference(left, right), 5))


def test_every_app_has_a_script() -> None:
    assert {path.stem for path in APPS.glob("*.py")} == set(SCRIPTS)
    assert len(SCRIPTS) >= 28


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_script_has_enough_events(script: Script) -> None:
    assert 8 <= len(script.steps) <= 20


@pytest.mark.parametrize("app", SCRIPTS)
def test_an_app_shows_what_its_script_expects(app: str) -> None:
    recorded = reference(app)  # checks the expectations in the process of the run
    assert len(recorded.observations) == 1 + len(SCRIPTS[app].steps)


@pytest.mark.parametrize("app", SCRIPTS)
def test_two_runs_are_the_same_byte_for_byte(app: str) -> None:
    for one, other in zip(reference(app).observations, twin.reference(app).observations, strict=True):
        assert one.sent == other.sent or "call_id" in str(one.sent)
        assert one.packets == other.packets, one.step
        assert differences(one.mirror, other.mirror) == [], one.step
        assert differences(one.server, other.server) == [], one.step


@pytest.mark.parametrize("app", OVER_SOCKETS)
async def test_the_real_server_sends_what_the_reference_run_sends(app: str) -> None:
    script = SCRIPTS[app]
    expected = reference(app).observations
    counts = itertools.accumulate(len(seen.packets) for seen in expected)
    with stock_server(app) as url:
        async with plain_session(url, script) as driver:
            seen = await driver.run(script, [arrived(count) for count in counts])
            assert [one.packets for one in seen] == [one.packets for one in expected]
            assert differences([one.mirror for one in seen], [one.mirror for one in expected]) == []
            for expectation in script.expect:
                expectation.check(driver.client)


async def test_services_answer_over_the_real_server() -> None:
    # Not byte for byte: when Flet removes a service depends on Python's cyclic garbage collector.
    script = SCRIPTS["services"]
    with stock_server("services") as url:
        async with plain_session(url, script) as driver:
            await driver.run(script, [quiet()] * (1 + len(script.steps)))
            for expectation in script.expect:
                expectation.check(driver.client)


async def test_settling_by_silence_sees_the_same() -> None:
    script = SCRIPTS["counter"]
    with stock_server("counter") as url:
        async with plain_session(url, script) as driver:
            seen = await driver.run(script, [quiet()] * (1 + len(script.steps)))
    expected = reference("counter").observations
    assert [one.packets for one in seen] == [one.packets for one in expected]


async def test_sessions_do_not_share_what_is_in_main() -> None:
    script = SCRIPTS["shared_lists"]
    with stock_server("shared_lists") as url:
        async with plain_session(url, script) as one, plain_session(url, script) as other:
            await one.run(script, [quiet()] * (1 + len(script.steps)))
            await other.act("register", [other.client.register()], quiet())
            assert "3 items, same object: True" in one.client.texts()
            assert "empty" in other.client.texts()


async def test_a_reload_finds_the_session_again() -> None:
    script = SCRIPTS["counter"]
    with stock_server("counter") as url:
        async with plain_session(url, script) as driver:
            await driver.run(script, [quiet()] * (1 + len(script.steps)))
        after = driver.client.reload()
        async with plain_session(url, script, after) as driver:
            await driver.act("register", [after.register()], quiet())
    assert "Count: 2" in after.texts()
