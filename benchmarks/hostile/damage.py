"""Ways to damage data, each drawn by a seeded generator: bytes, JSON, XML, protocol buffers, flatbuffer objects."""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from random import Random
from typing import Any

# What sizes, offsets and codes are when they go wrong.
NUMBERS = (0, 1, -1, 2, 3, 7, 127, 255, 65_535, 10**6, 10**9, 2**31 - 1, -(2**31), 2**32, 2**40, 2**62, -(2**63))
WORDS = (
    "",
    "x",
    "../../../etc/passwd",
    "/etc/passwd",
    "a/b",
    "\x00",
    "é☃",
    "-1",
    "NaN",
    "x" * 5000,
    "__class__",
    "%s%n",
)


def damaged(draw: Random, data: bytes) -> tuple[str, bytes]:
    """What was done, and ``data`` after it: cut, flipped, overwritten, moved or grown at a random place."""
    how = draw.choice(sorted(_BYTES))
    return how, _BYTES[how](draw, data)


def _cut(draw: Random, data: bytes) -> bytes:
    # at every scale: the first bytes, anywhere, the last bytes
    length = int(len(data) ** draw.random())
    return draw.choice((data[:length], data[: len(data) - length], data[: draw.randrange(len(data) + 1)]))


def _flip(draw: Random, data: bytes) -> bytes:
    found = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 8, 64)) if data else 0):
        found[draw.randrange(len(found))] ^= 1 << draw.randrange(8)
    return bytes(found)


def _run(draw: Random, data: bytes) -> bytes:
    start, length = _place(draw, data)
    fill = draw.choice((b"\x00" * length, b"\xff" * length, draw.randbytes(length)))
    return data[:start] + fill + data[start + length :]


def _number(draw: Random, data: bytes) -> bytes:
    width = draw.choice((1, 2, 4, 8))
    start = draw.randrange(max(1, len(data) - width)) // width * width
    number = draw.choice(NUMBERS) % (1 << 8 * width)
    return data[:start] + number.to_bytes(width, draw.choice(("little", "big"))) + data[start + width :]


def _delete(draw: Random, data: bytes) -> bytes:
    start, length = _place(draw, data)
    return data[:start] + data[start + length :]


def _repeat(draw: Random, data: bytes) -> bytes:
    start, length = _place(draw, data)
    return data[:start] + data[start : start + length] * draw.choice((2, 3, 50)) + data[start + length :]


def _swap(draw: Random, data: bytes) -> bytes:
    length = max(1, int((len(data) / 2) ** draw.random()))
    one, other = sorted(draw.randrange(max(1, len(data) - length)) for _ in range(2))
    if other < one + length:
        return data[other:] + data[:other]
    return (
        b"".join((data[:one], data[other : other + length], data[one + length : other], data[one : one + length]))
        + data[other + length :]
    )


def _insert(draw: Random, data: bytes) -> bytes:
    start, length = _place(draw, data)
    return data[:start] + draw.randbytes(length) + data[start:]


def _place(draw: Random, data: bytes) -> tuple[int, int]:
    length = max(1, int(len(data) ** draw.random()))
    return draw.randrange(max(1, len(data) - length + 1)), length


_BYTES = {
    "cut": _cut,
    "flip": _flip,
    "run": _run,
    "number": _number,
    "delete": _delete,
    "repeat": _repeat,
    "swap": _swap,
    "insert": _insert,
}


# ── JSON ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def value(draw: Random, old: Any = None) -> Any:
    """Something else than what stood there: another number where it was one, mostly, else any JSON."""
    if isinstance(old, int | float) and not isinstance(old, bool) and draw.random() < 0.7:
        return draw.choice((*NUMBERS, 0.5, -0.5, 1e308, float("nan"), float("inf")))
    if isinstance(old, bool) and draw.random() < 0.5:
        return not old
    deep: Any = []
    for _ in range(draw.choice((10, 200, 900, 3000))):
        deep = [deep] if draw.random() < 0.5 else {"class_name": "Dense", "config": deep}
    return draw.choice((None, True, [], {}, [old], {"a": old}, deep, draw.choice(NUMBERS), draw.choice(WORDS), [1, 2]))


def edited_json(draw: Random, tree: Any) -> Any:
    """A copy of ``tree`` with one to three places changed, removed, repeated, renamed, or swapped with another."""
    tree = copy.deepcopy(tree)
    for _ in range(draw.choice((1, 1, 2, 3))):
        places = list(_places(tree))
        if not places:
            return tree
        box, key = draw.choice(places)
        other_box, other_key = draw.choice(places)
        match draw.randrange(6):
            case 0:
                del box[key]
            case 1 if isinstance(box, list):
                box.insert(key, copy.deepcopy(box[key]))
            case 1:
                box[draw.choice(WORDS) or "y"] = box.pop(key)
            case 2:
                box[key] = copy.deepcopy(other_box[other_key])
            case _:
                box[key] = value(draw, box[key])
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    waiting = [tree]
    while waiting:
        box = waiting.pop()
        items = box.items() if isinstance(box, dict) else enumerate(box) if isinstance(box, list) else ()
        for key, inner in items:
            yield box, key
            waiting.append(inner)


# ── XML ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def edited_xml(draw: Random, text: bytes) -> bytes:
    """The document with one to three attributes or elements changed, removed, repeated, moved or nested deep."""
    root = ET.fromstring(text)
    for _ in range(draw.choice((1, 1, 2, 3))):
        parents = {child: parent for parent in root.iter() for child in parent}
        if not parents:
            break
        one = draw.choice([child for child in root.iter() if child in parents])
        match draw.randrange(7):
            case 0:
                parents[one].remove(one)
            case 1:
                parents[one].append(copy.deepcopy(one))
            case 2:
                draw.choice(list(root.iter())).append(copy.deepcopy(one))
            case 3:
                for _ in range(draw.choice((10, 500, 3000))):
                    one = ET.SubElement(one, one.tag)
            case 4 if one.text and one.text.strip():
                one.text = str(draw.choice((*NUMBERS, *_xml_words())))
            case _ if one.attrib:
                name = draw.choice(sorted(one.attrib))
                others = [other.attrib[name] for other in root.iter() if name in other.attrib]
                one.attrib[name] = str(draw.choice((*NUMBERS, *_xml_words(), *others, *others)))
            case _:
                one.tag = draw.choice([other.tag for other in root.iter()])
    return ET.tostring(root)


def _xml_words() -> list[str]:
    return [word for word in WORDS if "\x00" not in word]


# ── objects: protocol buffers, and the classes that flatbuffers generates ──────────────────────────────────────────


def edit_message(draw: Random, message: Any) -> None:
    """Change, remove, repeat or swap one to four fields of a protocol buffer, wherever in it."""
    for _ in range(draw.choice((1, 1, 2, 4))):
        owner, field, held = draw.choice(list(_fields(message)))
        repeated = hasattr(held, "append") or hasattr(held, "add")
        if draw.random() < 0.15:
            owner.ClearField(field.name)
        elif repeated and len(held):
            _edit_repeated(draw, field, held)
        elif not repeated and field.message_type is None:
            setattr(owner, field.name, _scalar(draw, field, held))


def _fields(message: Any) -> Iterator[tuple[Any, Any, Any]]:
    waiting = [message]
    while waiting:
        one = waiting.pop()
        for field, held in one.ListFields():
            yield one, field, held
            if field.message_type is not None and not field.message_type.GetOptions().map_entry:
                waiting.extend(held if hasattr(held, "add") else [held])


def _edit_repeated(draw: Random, field: Any, held: Any) -> None:
    index, other = draw.randrange(len(held)), draw.randrange(len(held))
    how = draw.randrange(4)
    if how == 0:
        del held[index]
    elif field.message_type is not None:
        if how == 1:
            held.add().CopyFrom(held[index])
        else:
            held[index].CopyFrom(held[other])
    elif how == 1:
        held.extend([held[index]] * draw.choice((1, 3, 500)))
    else:
        held[index] = held[other] if draw.random() < 0.3 else _scalar(draw, field, held[index])


def _scalar(draw: Random, field: Any, old: Any) -> Any:
    if isinstance(old, bool):
        return not old
    if isinstance(old, str):
        return draw.choice(WORDS)
    if isinstance(old, bytes):
        return damaged(draw, old)[1]
    if isinstance(old, float):
        return draw.choice((0.0, -1.0, 1e30, float("nan"), float("inf")))
    if field.enum_type is not None:
        return draw.choice([one.number for one in field.enum_type.values])
    narrow = field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_UINT32)
    unsigned = field.cpp_type in (field.CPPTYPE_UINT32, field.CPPTYPE_UINT64)
    bits = 31 if narrow else 63
    return draw.choice([n for n in NUMBERS if -(2**bits) <= n < 2**bits and not (unsigned and n < 0)])


def edit_object(draw: Random, tree: Any) -> None:
    """Change, remove, repeat or swap one to four attributes or items of an object tree (a flatbuffer's ``ModelT``)."""
    for _ in range(draw.choice((1, 1, 2, 4))):
        box, key, old = draw.choice(list(_attributes(tree)))
        siblings = [held for _, other, held in _attributes(tree) if other == key and type(held) is type(old)]
        new = copy.deepcopy(draw.choice(siblings)) if siblings and draw.random() < 0.25 else _other(draw, old)
        if isinstance(box, list):
            if draw.random() < 0.2:
                del box[key]
            else:
                box[key] = new
        else:
            setattr(box, key, new)


def _other(draw: Random, old: Any) -> Any:
    if isinstance(old, bool):
        return not old
    if isinstance(old, int):
        return draw.choice(NUMBERS) if draw.random() < 0.6 else draw.randrange(-2, 200)
    if isinstance(old, float):
        return draw.choice((0.0, -1.0, 1e30, float("nan"), float("inf")))
    if isinstance(old, bytes):
        return damaged(draw, old)[1]
    if isinstance(old, list):
        return draw.choice((None, [], old[:-1], old * 2, old[::-1]))
    if hasattr(old, "dtype"):  # numpy's, where flatbuffers found it
        found = old.copy() if draw.random() < 0.7 else draw.choice((old[:-1], old[:0]))
        if len(found):
            limit = 2 ** (8 * old.dtype.itemsize - 1) if old.dtype.kind in "iu" else 2
            fits = [n for n in NUMBERS if (0 if old.dtype.kind == "u" else -limit) <= n < limit]
            found[draw.randrange(len(found))] = draw.choice(fits)
        return found
    return None


def _attributes(tree: Any) -> Iterator[tuple[Any, Any, Any]]:
    waiting = [tree]
    while waiting:
        box = waiting.pop()
        items = enumerate(box) if isinstance(box, list) else vars(box).items() if hasattr(box, "__dict__") else ()
        for key, held in items:
            yield box, key, held
            if isinstance(held, list) or hasattr(held, "__dict__"):
                waiting.append(held)
