"""What may change, and by how much: the thresholds of a gate, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from edge_opt import units
from edge_opt.errors import InputError, UnknownName

OFF = ("off", "none", "no")
DEFAULTS = {
    "latency": "2%",
    "p90": "off",
    "load": "off",
    "memory": "off",
    "size": "2%",
    "compressed": "2%",
    "accuracy": "",  # 1pp where there is something to compare it on
    "instructions": "off",
}
ACCURACY = 0.01
LARGEST = 10.0  # a share beyond that is a slip: nothing would be more


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The share by which each measure may rise, and the drop of accuracy in 0..1; what is not there is not decided."""

    shares: Mapping[str, float]
    accuracy: float | None  # None: not to be compared
    accuracy_asked: bool  # by name, so that it is an error where it cannot be compared
    placement: bool

    def of(self, *measures: str) -> dict[str, float]:
        """The limits of those measures that are to be decided."""
        return {one: self.shares[one] for one in measures if one in self.shares}


def limits_of(texts: Mapping[str, str], placement: bool = True) -> Limits:
    """The limits in ``texts``, by measure; a measure without a text has its default. Raises InputError."""
    for name in texts:
        if name not in DEFAULTS:
            raise UnknownName.among("measure", name, DEFAULTS)
    said = {**DEFAULTS, **{name: text for name, text in texts.items() if text}}
    accuracy = said.pop("accuracy")
    shares = {name: _share(name, text) for name, text in said.items() if text.lower() not in OFF}
    off = accuracy.lower() in OFF
    if not shares and off and not placement:
        raise InputError(
            "every measure of the gate is off, so it would decide nothing", "leave one on, as --latency 2%"
        )
    return Limits(
        shares=shares,
        accuracy=None if off else _accuracy(accuracy) if accuracy else ACCURACY,
        accuracy_asked=bool(accuracy) and not off,
        placement=placement,
    )


def _share(name: str, text: str) -> float:
    with of_option(f"--{name}"):
        share = units.parse_share(text)
    if share <= 0 and name not in ("size", "compressed"):
        raise _no_room(name, text, "2%")
    if share > LARGEST:
        raise InputError(f"--{name} '{text}' would let everything pass", f"give at most {LARGEST:.0%}")
    return share


def _accuracy(text: str) -> float:
    with of_option("--accuracy"):
        drop = units.parse_fraction(text)
    if drop <= 0:
        raise _no_room("accuracy", text, "1pp")
    return drop


def _no_room(name: str, text: str, example: str) -> InputError:
    return InputError(
        f"--{name} '{text}' leaves no room: what is measured is never exactly the same",
        f"give some, as --{name} {example}",
    )


@contextmanager
def of_option(option: str) -> Iterator[None]:
    """Let an InputError about a value say which ``option`` it was given to."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{option}: {error.message}", error.hint) from error
