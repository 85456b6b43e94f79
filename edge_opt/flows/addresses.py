"""Targets by their names, and where those are that are not this machine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from edge_opt import registry
from edge_opt.errors import InputError, UnknownName
from edge_opt.inputs import targets as target_table
from edge_opt.types import Target


def target_of(name: str, devices: str | Sequence[str] = ()) -> Target:
    """The profile of that name or file, with its address out of ``devices``: ``ADDRESS``, or ``NAME=ADDRESS``.

    Raises UnknownName and InputError, also where the target is a remote device whose address was not given.
    """
    profile, given = target_table.load(name), _listed(devices)
    _require_asked([profile.name], given)
    return _placed(profile, given)


def each_target(names: str | Sequence[str], devices: str | Sequence[str]) -> dict[str, Target]:
    """The profile of every name, addresses without a name being for those that are remote devices.

    Raises what :func:`target_of` raises.
    """
    profiles, given = {name: target_table.load(name) for name in _listed(names)}, _listed(devices)
    _require_asked([one.name for one in profiles.values()], given)
    return {
        name: _placed(profile, [one for one in given if _split(one)[0] or profile.device != "local"])
        for name, profile in profiles.items()
    }


def _listed(given: str | Sequence[str]) -> Sequence[str]:
    return (given,) if isinstance(given, str) else given


def _require_asked(names: Sequence[str], devices: Sequence[str]) -> None:
    """Nothing; raises UnknownName where an address is for a target that is none of ``names``."""
    for one in devices:
        name = _split(one)[0]
        if name and name not in names and name not in target_table.names():
            raise UnknownName.among("target", name, (*names, *target_table.names()))
        if name and name not in names:
            raise UnknownName(
                f"the device '{one}' is for the target '{name}', which is not asked for",
                f"give -t {name}, or name a target that is asked for: {', '.join(names)}",
            )


def _placed(profile: Target, devices: Sequence[str]) -> Target:
    """``profile`` with its address. Raises InputError where it needs one and has none, or has one of another kind."""
    example = getattr(registry.load("devices", profile.device), "ADDRESS", "")
    given = _address_of(profile, devices) or profile.address
    if not example:
        if given:
            raise InputError(
                f"the target '{profile.name}' is this machine, and '{given}' is another device",
                "name its target too, as -t rpi4 ('edge-opt targets' lists them; -t ssh is any Linux machine)",
            )
        return profile
    if not given:
        raise InputError(
            f"target '{profile.name}' is a remote device, and no address was given",
            f"give --device {example}; without a board, -t arm64-emulated shows whether the model is right on ARM",
        )
    if not given.startswith(f"{profile.device}://"):
        meant = (
            f"did you mean {profile.device}://{given}?" if "://" not in given else f"its address looks like {example}"
        )
        raise InputError(f"the device '{given}' cannot be used for the target '{profile.name}'", meant)
    return replace(profile, address=given)


def _address_of(profile: Target, devices: Sequence[str]) -> str:
    """The address that is for ``profile``: by its name, else the one that bears no name. Raises InputError for two."""
    found: dict[str, str] = {}
    for one in devices:
        name, address = _split(one)
        if found.setdefault(name, address) != address:
            raise InputError(
                f"two devices are given, '{found[name]}' and '{address}'",
                "say which is for which target, as --device rpi4=ssh://pi@one --device rpi5=ssh://pi@two",
            )
    return found.get(profile.name, found.get("", ""))


def _split(given: str) -> tuple[str, str]:
    """The name of the target, "" for none, and the address, of ``NAME=ADDRESS``. Raises InputError."""
    found = re.fullmatch(r"(?:([\w.-]+)=)?(.+)", given)
    if found is None:
        raise InputError(f"'{given}' is not a device address", "it looks like ssh://pi@raspberrypi.local")
    return found[1] or "", found[2]
