from __future__ import annotations

import pytest

from edge_opt import units
from edge_opt.errors import InputError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8MB", 8_000_000),
        ("8 mb", 8_000_000),
        ("13.3 MiB", 13_946_061),
        ("500k", 500_000),
        ("1KiB", 1024),
        ("2g", 2 * 10**9),
        ("1Ti", 2**40),
        ("512 B", 512),
        (".5kB", 500),
        ("1e3 B", 1000),
    ],
)
def test_sizes_are_decimal_or_binary_by_their_unit(text: str, size: int) -> None:
    assert units.parse_bytes(text) == size


@pytest.mark.parametrize(
    ("text", "ns"),
    [("40ms", 40e6), ("1.5 s", 1.5e9), ("80us", 80e3), ("80 µs", 80e3), ("80\u03bcs", 80e3), ("2min", 120e9)],
)
def test_times_come_out_in_nanoseconds(text: str, ns: float) -> None:
    assert units.parse_duration_ns(text) == pytest.approx(ns)


@pytest.mark.parametrize("text", ["1pp", "1 %", "1%", "0.01", "1.0PP"])
def test_one_percent_point_is_a_hundredth(text: str) -> None:
    assert units.parse_fraction(text) == pytest.approx(0.01)


@pytest.mark.parametrize("text", ["", "MB", "nan MB", "inf GB", "-8MB", "8", "8ms", "1e400MB", "1e300TB", "1,000k"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError) as refused:
        units.parse_bytes(text)
    assert f"'{text}'" in refused.value.message
    assert "8MB" in refused.value.hint


@pytest.mark.parametrize("text", ["40", "nan", "-1ms", "4 m", "40MB", "ms", "1e999s"])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match=f"'{text}'") as refused:
        units.parse_duration_ns(text)
    assert "40ms" in refused.value.hint


@pytest.mark.parametrize("text", ["-1pp", "101%", "nan", "1 point", "pp", "1ms"])
def test_what_is_no_fraction_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=f"'{text}'"):
        units.parse_fraction(text)


@pytest.mark.parametrize(("text", "share"), [("25%", 0.25), ("0.25", 0.25), (" 150 % ", 1.5), ("0", 0), ("1", 1)])
def test_a_share_may_be_more_than_everything(text: str, share: float) -> None:
    assert units.parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "25", "-1%", "nan", "1pp", "25%%", "a quarter", "1e999%"])
def test_what_is_no_share_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(InputError, match=f"'{text}'") as refused:
        units.parse_share(text)
    assert "%" in refused.value.hint


def test_a_time_for_work_that_is_none_is_refused_with_an_example() -> None:
    with pytest.raises(InputError, match="'soon' is not a duration") as refused:
        units.parse_seconds("soon")
    assert refused.value.hint == "write 90s or 10m"


def test_what_a_bare_number_may_mean_is_offered_as_it_was_typed() -> None:
    with pytest.raises(InputError) as refused:
        units.parse_fraction("1")
    assert refused.value.hint == "write 1pp or 1%"


@pytest.mark.parametrize("text", ["1", "0.5", "3"])
def test_a_bare_number_that_may_mean_points_is_asked_back(text: str) -> None:
    with pytest.raises(InputError) as refused:
        units.parse_fraction(text)
    assert f"{text}pp" in refused.value.hint


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (13_980_000, "13.33 MiB"),
        (1_048_575, "1.00 MiB"),
        (2**40, "1.00 TiB"),
    ],
)
def test_sizes_read_in_the_unit_a_person_thinks_in(size: int, text: str) -> None:
    assert units.format_bytes(size) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (840, "840 ns"),
        (999.6, "1 µs"),
        (84_000, "84 µs"),
        (10_540, "10.5 µs"),
        (1_307, "1.31 µs"),
        (100_400, "100 µs"),
        (156_300, "156 µs"),
        (999_700, "1.00 ms"),
        (61_270_000, "61.27 ms"),
        (234_560_000, "234.6 ms"),
        (1.5e9, "1.50 s"),
    ],
)
def test_latencies_read_in_the_unit_a_person_thinks_in(ns: float, text: str) -> None:
    assert units.format_duration(ns) == text


@pytest.mark.parametrize(
    ("value", "half", "text"),
    [
        (61.27, 0.99, "61.27 ± 0.99"),
        (1040.2, 12.3, "1040 ± 12"),
        (0.0105, 0.003, "0.0105 ± 0.0030"),
        (84, 0.4, "84.00 ± 0.40"),
        (61.27, None, "61.27"),
        (5, 0, "5.000 ± 0.000"),
        (0, None, "0.000"),
    ],
)
def test_a_spread_decides_how_many_digits_are_shown(value: float, half: float | None, text: str) -> None:
    assert units.format_spread(value, half) == text


def test_the_other_numbers_look_as_in_the_reports() -> None:
    assert units.format_time(84e3, "µs", 400) == "84.00 ± 0.40"
    assert units.format_ratio(2.8, 0.04) == "2.80x ± 0.04"
    assert units.format_ratio(0.0246) == "0.025x"
    assert units.format_pp(-0.0034, 0.004, unit=False) == "-0.34 ± 0.40"
    assert units.format_pp(0.01) == "1.00 pp"
    assert units.format_pp(-1e-9) == "0.00 pp"
    assert units.format_percent(0.7168) == "71.68%"
    assert units.format_percent(0.7168, unit=False, digits=0) == "72"
    assert units.format_confidence(0.9375) == "93.75%"
    assert units.format_count(241_546) == "241,546"


def test_a_clock_and_a_temperature_are_told_as_people_tell_them() -> None:
    assert [units.format_hz(hz) for hz in (1.8e9, 999.6e6, 600e6)] == ["1.80 GHz", "1.00 GHz", "600 MHz"]
    assert [units.format_celsius(one) for one in (61.342, -0.2)] == ["61 °C", "0 °C"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.83, "0.8 s"), (9.97, "10 s"), (45.2, "45 s"), (59.7, "1 min 0 s"), (192.3, "3 min 12 s"), (3723, "1 h 2 min")],
)
def test_work_is_told_in_seconds_minutes_and_hours(seconds: float, text: str) -> None:
    assert units.format_seconds(seconds) == text
