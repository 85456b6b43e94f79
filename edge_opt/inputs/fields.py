"""A TOML file taken apart key by key; every error says the file, the key and the value."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from edge_opt.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True)
class Fields:
    """The keys of one table of a TOML file; ``section`` is its heading, "" at the top of the file."""

    path: Path
    table: Mapping[str, Any]
    section: str = ""

    def __contains__(self, key: str) -> bool:
        return key in self.table

    def named(self, key: str) -> str:
        """The key as the user would look for it: ``budget.max_size``."""
        return f"{self.section}.{key}" if self.section else key

    def error(self, key: str, expected: str) -> InputError:
        """The error for a value that is not what was expected, or for one that is missing."""
        if key not in self.table:
            return InputError(f"'{self.path}': '{self.named(key)}' is missing", f"it is {expected}")
        value = self.table[key]
        return InputError(f"'{self.path}': '{self.named(key)}' is '{value}'", f"it must be {expected}")

    def only(self, known: Iterable[str]) -> None:
        """Raise InputError for the first key that is not among ``known``, with the nearest that is."""
        known = list(known)
        for key in self.table:
            if key in known:
                continue
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
            raise InputError(f"'{self.path}': there is no key '{self.named(key)}'", hint)

    def text(self, key: str, default: str | None = None, choices: Iterable[str] = ()) -> str:
        """The text under ``key``, one of ``choices`` where there are any; required without a ``default``."""
        choices = tuple(choices)
        value = self.table.get(key, default)
        if not isinstance(value, str) or not value.strip() or (choices and value not in choices):
            near = difflib.get_close_matches(value, choices, n=1, cutoff=0.5) if isinstance(value, str) else []
            listed = f"one of {', '.join(choices)}" if choices else "a text in quotes"
            raise self.error(key, listed + (f" (did you mean '{near[0]}'?)" if near else ""))
        return value

    def integer(self, key: str, default: int | None = None, choices: Iterable[int] = ()) -> int:
        """The positive whole number under ``key``; required without a ``default``."""
        choices = tuple(choices)
        value = self.table.get(key, default)
        if type(value) is not int or value < 1 or (choices and value not in choices):
            listed = f"one of {', '.join(map(str, choices))}" if choices else "a whole number from 1"
            raise self.error(key, listed)
        return value

    def numbers(self, key: str, default: tuple[float, ...] | None = None) -> tuple[float, ...]:
        """The finite numbers under ``key``, where one number alone stands for a list of one."""
        value = self.table.get(key, default)
        listed = list(value) if isinstance(value, list | tuple) else [value]
        if not listed or any(type(item) not in (int, float) or not math.isfinite(item) for item in listed):
            raise self.error(key, "a number, or a list with one for every channel")
        return tuple(float(item) for item in listed)

    def texts(self, key: str, choices: Iterable[str], default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """The list of texts under ``key``, each of them one of ``choices`` where there are any."""
        value, choices = self.table.get(key, default), tuple(choices)
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
            raise self.error(key, 'a list of texts, as ["…", "…"]')
        for item in value:
            if choices and item not in choices:
                near = difflib.get_close_matches(item, choices, n=1, cutoff=0.5)
                hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(choices)}"
                raise InputError(f"'{self.path}': '{self.named(key)}' has '{item}', which does not exist", hint)
        return tuple(value)

    def quantity(self, key: str, parse: Callable[[str], T], example: str) -> T | None:
        """What ``parse`` makes of the text with a unit under ``key``; ``None`` where there is none."""
        if key not in self.table:
            return None
        expected = f'a text with its unit, as "{example}"'
        if not isinstance(self.table[key], str):
            raise self.error(key, expected)
        try:
            return parse(self.table[key])
        except (InputError, ValueError) as fault:
            raise self.error(key, expected) from fault

    def sub(self, key: str) -> Fields:
        """The table under the heading ``[key]``; an empty one where there is none."""
        value = self.table.get(key, {})
        if not isinstance(value, dict):
            raise self.error(key, f"a table under the heading [{key}]")
        return Fields(self.path, value, key)


def read(path: Path) -> Fields:
    """The keys of the TOML file ``path``. Raises InputError where it cannot be read or is not TOML."""
    try:
        return Fields(path, tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as fault:
        raise InputError(f"'{path}' cannot be read: {fault.strerror}", "check the path and its permissions") from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise InputError(f"'{path}' is not valid TOML: {fault}", "correct that line; texts stand in quotes") from fault
