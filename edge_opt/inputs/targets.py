"""Where a model will run: the profiles in ``targets/*.toml``, and those that the user writes."""

from __future__ import annotations

import re
from pathlib import Path

from edge_opt import registry
from edge_opt.errors import UnknownName
from edge_opt.inputs import fields
from edge_opt.inputs.embedded import shared_path
from edge_opt.types import Budget, Environment, Target
from edge_opt.units import parse_bytes, parse_duration_ns, parse_fraction

_KEYS = (
    "description",
    "device",
    "address",
    "formats",
    "runtimes",
    "threads",
    "isa",
    "isa_absent",
    "board",
    "ram",
    "channels_multiple",
    "budget",
)
_BUDGET = ("max_drop", "max_latency", "max_size", "max_memory")


def names() -> tuple[str, ...]:
    """The names of the profiles that ship with edge-opt, ``host`` first."""
    found = sorted(path.stem for path in shared_path("targets").glob("*.toml"))
    return tuple(sorted(found, key=lambda name: name != "host"))


def load(name_or_file: str) -> Target:
    """The profile of that name, or the one in that ``.toml`` file; its name is the file's.

    Raises UnknownName for no such profile, InputError (with file, key and value) for one that is not valid.
    """
    if name_or_file.endswith(".toml"):
        return _from_file(Path(name_or_file))
    if name_or_file not in names():
        raise UnknownName.among("target", name_or_file, names())
    return _from_file(shared_path("targets") / f"{name_or_file}.toml")


def mismatch(target: Target, machine: Environment) -> str:
    """Why ``machine`` cannot stand for ``target``, in a sentence; "" where it can.

    It may be another board, lack instruction sets (alternatives stand as one, ``a|b``), or have some that no runtime
    can be kept from.
    """
    if target.board and not machine.board.startswith(target.board):
        said = f"calls itself '{machine.board}'" if machine.board else "does not say which board it is"
        return f"'{target.name}' means a {' or '.join(target.board)}, but the device {said}"
    here = "the device" if target.address else "this machine"
    present = set(machine.isa)
    lacking = [wanted for wanted in target.isa if present.isdisjoint(wanted.split("|"))]
    if lacking:
        return f"{here} has no {', '.join(one.replace('|', ' or ') for one in lacking)}, which '{target.name}' needs"
    extra = [unwanted for unwanted in target.isa_absent if unwanted in present]
    if extra:
        return f"{here} has {', '.join(extra)}, which '{target.name}' lacks: its latencies would be too good"
    return ""


def stands_for(name: str, machine: Environment) -> bool:
    """Whether ``machine`` is a board that the profile ``name`` was written for."""
    target = load(name)
    return bool(target.board) and not mismatch(target, machine)


def _from_file(path: Path) -> Target:
    document = fields.read(path)
    document.only(_KEYS)
    return Target(
        name=path.stem,
        description=document.text("description"),
        device=document.text("device", choices=registry.names("devices")),
        address=document.text("address") if "address" in document else "",
        board=document.texts("board", (), ()),
        formats=_some(document, "formats", registry.names("exporters")),
        runtimes=_some(document, "runtimes", registry.names("runtimes")),
        threads=_threads(document),
        isa=_isa(document, "isa"),
        isa_absent=_isa(document, "isa_absent"),
        ram_bytes=document.quantity("ram", parse_bytes, "8GB"),
        channels_multiple=document.integer("channels_multiple", 8, (1, 2, 4, 8, 16, 32, 64)),
        budget=_budget(document.sub("budget")),
    )


def _some(document: fields.Fields, key: str, known: tuple[str, ...]) -> tuple[str, ...]:
    found = document.texts(key, known)
    if not found or len(set(found)) < len(found):
        raise document.error(key, f"at least one of {', '.join(known)}, each once")
    return found


def _threads(document: fields.Fields) -> tuple[int, ...]:
    found = document.numbers("threads", (1.0,))
    if any(number < 1 or number != int(number) for number in found) or len(set(found)) < len(found):
        raise document.error("threads", "a list of whole numbers from 1, as [1, 2, 4]")
    return tuple(int(number) for number in found)


def _isa(document: fields.Fields, key: str) -> tuple[str, ...]:
    found = document.texts(key, (), ())
    if not all(re.fullmatch(r"[a-z0-9_.]+(\|[a-z0-9_.]+)*", item) for item in found):
        raise document.error(key, 'a list of flags as Linux spells them, alternatives as "avx512_vnni|avx_vnni"')
    return found


def _budget(table: fields.Fields) -> Budget:
    table.only(_BUDGET)
    drop = table.quantity("max_drop", parse_fraction, "1pp")
    budget = Budget(
        max_drop=Budget.max_drop if drop is None else drop,
        max_latency_ns=table.quantity("max_latency", parse_duration_ns, "40ms"),
        max_size_bytes=table.quantity("max_size", parse_bytes, "8MB"),
        max_memory_bytes=table.quantity("max_memory", parse_bytes, "64MB"),
    )
    if not 0 <= budget.max_drop < 1:
        raise table.error("max_drop", 'from "0pp" to below "100pp"')
    for key, value in zip(
        _BUDGET[1:], (budget.max_latency_ns, budget.max_size_bytes, budget.max_memory_bytes), strict=True
    ):
        if value is not None and value <= 0:
            raise table.error(key, "more than zero; leave it out for no limit")
    return budget
