"""The nouns ↔ JSON: a function from dataclasses to JSON values, and one back from a type and JSON values."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from edge_opt.errors import RunError, StepFailed

_SCALARS = (int, float, str)


def dump(noun: Any) -> Any:
    """``noun`` as what JSON can hold: dataclasses become objects of their field names, paths become strings."""
    if noun is None or isinstance(noun, _SCALARS):
        return noun
    if isinstance(noun, tuple) and set(map(type, noun)) <= {*_SCALARS}:
        return list(noun)  # most of a report is samples: one step for all of them
    if is_dataclass(noun) and not isinstance(noun, type):
        return {field.name: dump(getattr(noun, field.name)) for field in fields(noun)}
    if isinstance(noun, Mapping):
        return {str(key): dump(value) for key, value in noun.items()}
    if isinstance(noun, list | tuple):
        return [dump(value) for value in noun]
    return noun.as_posix() if isinstance(noun, Path) else noun


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def parse(kind: Any, data: Any) -> Any:
    """What :func:`dump` made ``data`` from: ``parse(type(x), dump(x)) == x``. Raises RunError where it does not fit."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return parse(_member(arguments, data), data)
    if origin is Literal:
        if data not in arguments:
            raise RunError(f"expected one of {', '.join(map(repr, arguments))}, found '{data}'")
        return data
    if origin is tuple and arguments[0] in (int, str) and arguments[-1] is Ellipsis:
        return tuple(data)
    if origin is tuple:
        members = [arguments[0]] * len(data) if arguments[-1] is Ellipsis else arguments
        return tuple(parse(member, value) for member, value in zip(members, data, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        return {key: parse(arguments[1], value) for key, value in data.items()}
    if is_dataclass(kind):
        known = _hints(cast(type, kind))
        if not isinstance(data, dict) or not set(data) <= set(known):
            raise RunError(f"this is no {getattr(kind, '__name__', kind)}: {str(data)[:80]}")
        absent = [field.name for field in fields(kind) if _required(field) and field.name not in data]
        if absent:
            raise RunError(f"this is no {getattr(kind, '__name__', kind)}: '{absent[0]}' is missing")
        return cast(type, kind)(**{name: parse(known[name], value) for name, value in data.items()})
    if kind is Path:
        return Path(data)
    return float(data) if kind is float and isinstance(data, int) else data


def _required(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def parse_answer(kind: Any, answer: Any) -> Any:
    """What a worker answered, as a ``kind``: fields that it adds are left out, at any depth.

    Raises StepFailed where a field is missing or is something else.
    """
    try:
        return parse(kind, _known(kind, answer))
    except (RunError, TypeError, ValueError, AttributeError, StopIteration) as error:
        raise StepFailed(
            f"its worker's answer does not keep to the protocol: {error}", "see docs/worker-protocol.md"
        ) from error


def _known(kind: Any, data: Any) -> Any:
    """``data`` without the fields that ``kind`` does not have."""
    if is_dataclass(kind) and isinstance(data, Mapping):
        hints = _hints(cast(type, kind))
        return {name: _known(hints[name], value) for name, value in data.items() if name in hints}
    if get_origin(kind) is tuple and get_args(kind)[-1] is Ellipsis and isinstance(data, list | tuple):
        return [_known(get_args(kind)[0], value) for value in data]
    return data


def _member(members: tuple[Any, ...], data: Any) -> Any:
    """The one member of a union that ``data`` was dumped from: told by None, by the field names, or the only other."""
    if data is None:
        return type(None)
    if isinstance(data, dict):
        for member in members:
            if is_dataclass(member) and {field.name for field in fields(member)} == set(data):
                return member
    return next(member for member in members if member is not type(None))
