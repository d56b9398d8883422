"""The table of close codes: ranges decide, and every code is in one."""

from __future__ import annotations

import pytest

from flet_cluster.protocol.close import ClientAction, CloseCode, action, reset_code


@pytest.mark.parametrize("code", list(CloseCode))
def test_every_own_code_is_in_a_range_that_decides(code: CloseCode) -> None:
    expected = {
        41: ClientAction.RETRY_NOW,
        42: ClientAction.RETRY_LATER,
        43: ClientAction.RESET,
        44: ClientAction.STOP,
    }
    assert action(code) is expected[code // 100]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (4199, ClientAction.RETRY_NOW),
        (4299, ClientAction.RETRY_LATER),
        (4399, ClientAction.RESET),
        (4499, ClientAction.STOP),
        (1000, ClientAction.RETRY_NOW),
        (1001, ClientAction.RETRY_NOW),
        (1006, ClientAction.RETRY_NOW),
        (1008, ClientAction.STOP),
        (1009, ClientAction.STOP),
        (1011, ClientAction.RETRY_LATER),
        (1012, ClientAction.RETRY_NOW),
        (1013, ClientAction.RETRY_LATER),
    ],
)
def test_unknown_codes_of_a_range_and_standard_codes(code: int, expected: ClientAction) -> None:
    assert action(code) is expected


@pytest.mark.parametrize("code", [0, 999, 3000, 4000, 4500, 4999, 70000, -1])
def test_a_code_nobody_knows_never_ends_a_session(code: int) -> None:
    assert action(code) is ClientAction.RETRY_LATER


def test_a_reset_reason_has_one_code() -> None:
    resets = [code for code in CloseCode if action(code) is ClientAction.RESET]
    assert [reset_code(code.reason) for code in resets] == resets


@pytest.mark.parametrize("reason", ["moved", "replaced", "", "EXPIRED", "no-such"])
def test_other_reasons_are_refused(reason: str) -> None:
    with pytest.raises(ValueError, match="expired"):
        reset_code(reason)
