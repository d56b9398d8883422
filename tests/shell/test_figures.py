"""How figures are written for people, in the dashboard and in a terminal."""

from __future__ import annotations

import pytest

from flet_cluster import figures

NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (figures.count(0), "0"),
        (figures.count(1204), "1,204"),
        (figures.count(1_234_567), "1.2 M"),
        (figures.rate(0), "0"),
        (figures.rate(0.42), "0.4"),
        (figures.rate(312.4), "312"),
        (figures.seconds(0), figures.NONE),
        (figures.seconds(0.00082), "0.8 ms"),
        (figures.seconds(0.0123), "12 ms"),
        (figures.seconds(1.44), "1.4 s"),
        (figures.size(312), "312 B"),
        (figures.size(3900), "3.9 kB"),
        (figures.size(128_000_000), "128 MB"),
        (figures.size(40e9), "40 GB"),
        (figures.cores(0.421), "0.42"),
        (figures.duration(-1), "0s"),
        (figures.duration(45.9), "45s"),
        (figures.duration(150), "2m"),
        (figures.duration(12_000), "3h 20m"),
        (figures.duration(7200), "2h"),
        (figures.duration(187_200), "2d 4h"),
        (figures.ago(NOW - 3, NOW), "now"),
        (figures.ago(NOW - 61, NOW), "1m ago"),
        (figures.ago(0, NOW), figures.NONE),
        (figures.date(0), figures.NONE),
        (figures.date(NOW), "1970-01-12 13:46:40"),
        (figures.clock(0), "00:00:00"),
        (figures.day(0), "1970-01-01"),
        (figures.short("n-125edc3a7ca7"), "n-125edc3a…"),
        (figures.short("3b1fe09a"), "3b1fe09a"),
    ],
)
def test_figures_are_written_for_people(written: str, expected: str) -> None:
    assert written == expected
