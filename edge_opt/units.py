"""Sizes, times and fractions, from what a person types and back: nothing else in edge-opt formats a number.

Inside, sizes are bytes, times nanoseconds and fractions lie in 0..1. Outside, a number carries its unit; a table whose
heading already names the unit asks for the bare number with ``unit=False``.
"""

from __future__ import annotations

import math
import re
from typing import Literal

from edge_opt.errors import InputError

TimeUnit = Literal["ns", "µs", "ms", "s"]

_NUMBER = re.compile(r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>[^\W\d_]*|%)")
_DECIMAL = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_BYTES: dict[str, int] = {
    **{prefix + "b": factor for prefix, factor in (_DECIMAL | _BINARY).items()},
    **{prefix: factor for prefix, factor in (_DECIMAL | _BINARY).items() if prefix},
}
_NS_PER: dict[str, float] = {"ns": 1.0, "µs": 1e3, "ms": 1e6, "s": 1e9}
_GREEK_US = "\u03bcs"  # keyboards write the Greek letter, Unicode prefers the micro sign
_DURATIONS: dict[str, float] = {**_NS_PER, "us": 1e3, _GREEK_US: 1e3, "min": 60e9}
_WORK = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_FRACTIONS = {"pp": 100.0, "%": 100.0, "": 1.0}
LARGEST_BARE_FRACTION = 0.1


# ── what a person types ────────────────────────────────────────────────────────────────────────────────────────────


def parse_bytes(text: str) -> int:
    """Bytes: ``8MB`` is 8,000,000, ``13.3 MiB`` is 13.3 times 1,048,576, ``500k`` is 500,000.

    Raises InputError where it is no such size, or has no unit.
    """
    kind, examples = "size", "8MB, 13.3MiB or 500k"
    number, unit = _split(text, kind, examples)
    factor = _BYTES.get(unit.lower())
    if factor is None:
        raise _refused(text, kind, examples, unit)
    return round(_finite(number * factor, text, kind, examples))


def parse_duration_ns(text: str) -> float:
    """Nanoseconds: of ``40ms``, ``1.5 s``, ``80us``, ``80 µs``, ``200ns``, ``2min``.

    Raises InputError where it is no such time, or has no unit.
    """
    kind, examples = "time", "40ms, 80us or 1.5s"
    number, unit = _split(text, kind, examples)
    factor = _DURATIONS.get(unit.lower())
    if factor is None:
        raise _refused(text, kind, examples, unit)
    return _finite(number * factor, text, kind, examples)


def parse_seconds(text: str) -> float:
    """The seconds that work may take: of ``90s``, ``10m``, ``10 min``, ``1.5h``.

    A latency has other units: there ``40m`` would be a slip for ``40ms``. Raises InputError.
    """
    kind, examples = "time for work", "90s, 10m or 1.5h"
    if _NUMBER.fullmatch(text.strip()) is None:
        raise InputError(f"'{text}' is not a duration", "write 90s or 10m")
    number, unit = _split(text, kind, examples)
    factor = _WORK.get(unit.lower())
    if factor is None:
        raise _refused(text, kind, examples, unit)
    if number <= 0:
        raise InputError(f"'{text}' is no time to work in", f"write it as {examples}")
    return _finite(number * factor, text, kind, examples)


def parse_fraction(text: str) -> float:
    """A fraction in 0..1: ``1pp`` (percent points), ``1%`` and ``0.01`` are all 0.01.

    A bare number over 0.1 is refused: who writes ``1`` or ``0.5`` mostly means percent points, and a limit of 50 points
    would let everything pass. Raises InputError.
    """
    kind, examples = "fraction", "1pp, 1% or 0.01"
    number, unit = _split(text, kind, examples)
    divisor = _FRACTIONS.get(unit.lower())
    if divisor is None:
        raise _refused(text, kind, examples, unit)
    if not unit and number > LARGEST_BARE_FRACTION:
        raise InputError(f"'{text}' may be a fraction or percent points", f"write {number:g}pp or {number:g}%")
    if number / divisor > 1:
        raise InputError(f"'{text}' is more than everything", f"a fraction is at most 100%, as {examples}")
    return number / divisor


def parse_share(text: str) -> float:
    """A share that may be more than everything: ``25%`` and ``0.25`` are 0.25, ``150%`` is 1.5.

    A bare number over 1 is refused: who writes ``25`` means percent. Raises InputError.
    """
    kind, examples = "share", "25%, 150% or 0.25"
    number, unit = _split(text, kind, examples)
    if unit not in ("%", ""):
        raise _refused(text, kind, examples, unit)
    if not unit and number > 1:
        raise InputError(f"'{text}' may be a share or percent", f"write {number:g}% or {number / 100:g}")
    return number / 100 if unit else number


def _split(text: str, kind: str, examples: str) -> tuple[float, str]:
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        sign = f"a {kind} is not negative: " if text.strip()[:1] == "-" else ""
        raise InputError(f"'{text}' is not a {kind}", f"{sign}write it like {examples}")
    return _finite(float(match["number"]), text, kind, examples), match["unit"]


def _finite(value: float, text: str, kind: str, examples: str) -> float:
    if not math.isfinite(value):
        raise InputError(f"'{text}' is not a {kind}", f"write it like {examples}")
    return value


def _refused(text: str, kind: str, examples: str, unit: str) -> InputError:
    wrong = f"'{unit}' in '{text}' is not a unit of {kind}" if unit else f"'{text}' has no unit"
    return InputError(wrong, f"write it like {examples}")


# ── what a person reads ────────────────────────────────────────────────────────────────────────────────────────────


def format_bytes(size_bytes: float) -> str:
    """``13.33 MiB``; below 1 KiB whole bytes: ``512 B``."""
    if size_bytes < 1024:
        return f"{size_bytes:.0f} B"
    size = float(size_bytes)
    for unit in ("KiB", "MiB", "GiB"):
        size /= 1024
        if round(size, 2) < 1024:
            return f"{size:.2f} {unit}"
    return f"{size / 1024:.2f} TiB"


def time_unit(ns: float) -> TimeUnit:
    """The unit in which ``ns`` reads best: of a column, give its smallest latency."""
    if ns < 999.5:
        return "ns"
    if ns < 999.5e3:
        return "µs"
    return "ms" if ns < 999.95e6 else "s"


def format_duration(ns: float) -> str:
    """One latency for a sentence: ``61.27 ms``, ``84 µs``, ``10.5 µs``, ``1.31 µs``."""
    unit = time_unit(ns)
    value = ns / _NS_PER[unit]
    if unit == "ns":
        return f"{value:.0f} ns"
    if unit == "µs":
        digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
        text = _decimals(value, digits)
        return f"{text.rstrip('0').rstrip('.') if digits else text} µs"
    return f"{_decimals(value, 2 if value < 99.995 else 1)} {unit}"


def format_time(ns: float, unit: TimeUnit, half_ns: float | None = None) -> str:
    """The bare number for a column whose heading names ``unit``: ``61.27``, or with its spread ``61.27 ± 0.99``."""
    value = ns / _NS_PER[unit]
    return format_spread(value, None if half_ns is None else half_ns / _NS_PER[unit])


def format_spread(value: float, half: float | None = None) -> str:
    """``61.27 ± 0.99``: both to the second digit of the spread, but to no more than four digits of the value.

    Without a spread, four digits of the value, at most four of them after the point.
    """
    digits = min(max(0, 3 - _magnitude(value)), 4)
    if half is None or not math.isfinite(half):
        return _decimals(value, digits)
    if half > 0:
        digits = min(digits, max(0, 1 - _magnitude(half)))
    return f"{_decimals(value, digits)} ± {_decimals(half, digits)}"


def format_percent(fraction: float, *, unit: bool = True, digits: int = 2) -> str:
    """``71.68%``, or ``71.68`` for a column headed %; ``digits`` after the point."""
    return _decimals(100 * fraction, digits) + ("%" if unit else "")


def format_pp(fraction: float, half: float | None = None, *, unit: bool = True) -> str:
    """Percent points: ``1.00 pp``, ``-0.34 ± 0.40 pp``, or without the unit for a column headed pp."""
    spread = "" if half is None else f" ± {_decimals(100 * half, 2)}"
    return _decimals(100 * fraction, 2) + spread + (" pp" if unit else "")


def format_confidence(confidence: float) -> str:
    """How sure an interval is: ``90%``, ``99.5%``."""
    return f"{100 * confidence:.4g}%"


def format_ratio(ratio: float, half: float | None = None) -> str:
    """``2.80x``, ``2.80x ± 0.04``; below 0.1 two digits: ``0.025x``."""
    digits = 2 if ratio >= 0.0995 or ratio <= 0 else 1 - _magnitude(ratio)
    return f"{_decimals(ratio, digits)}x" + ("" if half is None else f" ± {_decimals(half, digits)}")


def format_seconds(seconds: float) -> str:
    """How long work takes: ``0.8 s``, ``45 s``, ``3 min 12 s``, ``1 h 2 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min"


def format_hz(hz: float) -> str:
    """A clock: ``1.80 GHz``, ``600 MHz``."""
    return f"{hz / 1e9:.2f} GHz" if hz >= 999.5e6 else f"{hz / 1e6:.0f} MHz"


def format_processor(cores: int, cpu: str) -> str:
    """``2x AMD EPYC``; the name of an ARM processor counts its cores itself: ``4x Cortex-A72``."""
    return cpu if re.match(r"\d+x ", cpu) else f"{cores}x {cpu}"


def format_celsius(celsius: float) -> str:
    """A temperature: ``61 °C``."""
    return f"{_decimals(celsius, 0)} °C"


def format_count(count: float) -> str:
    """``241,546``."""
    return f"{count:,.0f}"


def format_number(value: float) -> str:
    """A number without a unit, to four digits: ``0.25``, ``0.003922``, ``3.1e-05``."""
    return f"{value:.4g}"


def _magnitude(value: float) -> int:
    return math.floor(math.log10(abs(value))) if value else 0


def _decimals(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text  # never "-0.00"
