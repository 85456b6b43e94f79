from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_opt import units
from edge_opt.errors import InputError

SIZES = st.integers(0, 2**50)
TIMES = st.floats(1, 1e12)
FRACTIONS = st.floats(0, 1)


@given(SIZES)
def test_a_size_survives_being_written_and_read(size: int) -> None:
    text = units.format_bytes(size)
    assert units.parse_bytes(text) == pytest.approx(size, rel=0.005)
    assert units.format_bytes(units.parse_bytes(text)) == text


@given(TIMES)
def test_a_time_survives_being_written_and_read(ns: float) -> None:
    text = units.format_duration(ns)
    assert units.parse_duration_ns(text) == pytest.approx(ns, rel=0.005, abs=0.5)
    assert units.format_duration(units.parse_duration_ns(text)) == text


@given(FRACTIONS)
def test_a_fraction_survives_being_written_and_read(fraction: float) -> None:
    for text in (units.format_pp(fraction), units.format_percent(fraction)):
        assert units.parse_fraction(text) == pytest.approx(fraction, abs=0.00005001)
    assert units.format_pp(units.parse_fraction(units.format_pp(fraction))) == units.format_pp(fraction)


@given(SIZES, SIZES)
def test_a_larger_size_never_reads_as_a_smaller_one(one: int, other: int) -> None:
    small, large = sorted((one, other))
    assert units.parse_bytes(units.format_bytes(small)) <= units.parse_bytes(units.format_bytes(large))


@given(st.text(max_size=12), st.sampled_from([units.parse_bytes, units.parse_duration_ns, units.parse_fraction]))
def test_any_text_is_read_or_refused_in_a_sentence(text: str, parse: Callable[[str], float]) -> None:
    try:
        value: float | InputError = parse(text)
    except InputError as refused:
        value = refused
    if isinstance(value, InputError):
        assert f"'{text}'" in value.message
        assert value.hint
    else:
        assert 0 <= value < float("inf")


@given(st.floats(allow_nan=False, allow_infinity=False, width=32), st.floats(0, 1e6))
def test_value_and_spread_have_the_same_digits(value: float, half: float) -> None:
    shown, spread = units.format_spread(value, half).split(" ± ")
    assert len(shown.partition(".")[2]) == len(spread.partition(".")[2]) <= 4
