"""Exceptions that a session keeps come back as they were, as often as it moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.snapshot.appcode import AppFolder

ERRORS = """
class OutOfStock(Exception):
    def __init__(self, item, *, left=0):
        super().__init__(f"no {item} left")
        self.item, self.left = item, left

class Special(OutOfStock):
    pass

class BadText(UnicodeDecodeError):
    def __init__(self):
        super().__init__("utf-8", b"abc", 0, 1, "because")
"""


def test_a_message_made_by_init_is_not_made_again(app: AppFolder) -> None:
    errors = app.load(ERRORS)
    for cls in (errors.OutOfStock, errors.Special):
        error = cls("tea", left=2)
        for _ in range(3):
            error = app.copy([error])[0]
        assert (type(error), str(error), error.item, error.left) == (cls, "no tea left", "tea", 2)


def test_what_c_code_keeps_is_kept(app: AppFolder) -> None:
    error = app.copy([app.load(ERRORS).BadText()])[0]
    assert (error.encoding, error.object, error.reason) == ("utf-8", b"abc", "because")


def test_plain_exceptions_travel_as_pickle_does_it(app: AppFolder) -> None:
    error = app.copy([KeyError("x"), OSError(2, "gone", "file"), ExceptionGroup("many", [ValueError("y")])])
    assert (repr(error[0]), error[1].filename, error[1].errno) == ("KeyError('x')", "file", 2)
    assert repr(error[2]) == "ExceptionGroup('many', [ValueError('y')])"
