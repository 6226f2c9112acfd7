"""Bodies as vendors send them on bad days: cut, re-encoded, retyped, repeated, shuffled. Everything from a seed."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random

ODD_VALUES: tuple[object, ...] = (
    None, True, "", "NaN", "n/a", "\0", "\ud800", "12,5", 0, -1, 10**400, 1e308, -1e308, 1e-320, float("nan"),
    float("inf"), [], {}, [None], {"a": 1}, "9" * 5000, 2**63,
)  # fmt: skip


def mutated(body: bytes, random: Random) -> bytes:
    """The body with one to three things wrong."""
    for _ in range(random.randint(1, 3)):
        body = random.choice(_JSON if random.random() < 0.7 and _is_json(body) else _BYTES)(body, random)
    return body


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _cut(body: bytes, random: Random) -> bytes:
    return body[: random.randrange(len(body) + 1)]


def _flip(body: bytes, random: Random) -> bytes:
    data = bytearray(body or b"0")
    for _ in range(random.randint(1, 8)):
        data[random.randrange(len(data))] = random.randrange(256)
    return bytes(data)


def _repeat(body: bytes, random: Random) -> bytes:
    start = random.randrange(len(body) + 1)
    end = random.randrange(start, len(body) + 1)
    return body[:end] + body[start:end] + body[end:]


def _recode(body: bytes, random: Random) -> bytes:
    text = body.decode("utf-8", "replace")
    return text.encode(random.choice(["utf-16", "utf-32", "utf-8-sig", "cp037"]), "replace")


def _swap_lines(body: bytes, random: Random) -> bytes:
    lines = body.splitlines(keepends=True)
    head, rest = lines[:1], lines[1:]
    random.shuffle(rest)
    return b"".join(head + rest)


def _swap_cells(body: bytes, random: Random) -> bytes:
    cells = body.split(b",")
    for _ in range(random.randint(1, 10)):
        odd = json.dumps(random.choice(ODD_VALUES)).encode()
        cells[random.randrange(len(cells))] = random.choice([odd, b"", b"-1", b"1e308", b"NaN", b"\0", b"$", b'"'])
    return b",".join(cells)


def _retype(body: bytes, random: Random) -> bytes:
    def change(holder: dict[str, object] | list[object], key: str | int) -> None:
        holder[key] = deepcopy(random.choice(ODD_VALUES))  # type: ignore[index]

    return _at_places(body, random, change)


def _drop(body: bytes, random: Random) -> bytes:
    def change(holder: dict[str, object] | list[object], key: str | int) -> None:
        del holder[key]  # type: ignore[arg-type]

    return _at_places(body, random, change)


def _reorder(body: bytes, random: Random) -> bytes:
    def change(holder: dict[str, object] | list[object], _: str | int) -> None:
        if isinstance(holder, list):
            at, other = random.randrange(len(holder)), random.randrange(len(holder))
            holder[at], holder[other] = holder[other], holder[at]

    return _at_places(body, random, change)


def _repeat_items(body: bytes, random: Random) -> bytes:
    """Repeats the same place of every list of one length: whole rows of a table kept by columns, too."""
    document = json.loads(body)
    lists = [holder for holder, _ in _places(document) if isinstance(holder, list)]
    if lists:
        length = len(random.choice(lists))
        at = random.randrange(length)
        for holder in {id(holder): holder for holder in lists if len(holder) == length}.values():
            holder.insert(random.randrange(length), holder[at])
    return json.dumps(document).encode()


def _at_places(
    body: bytes, random: Random, change: Callable[[dict[str, object] | list[object], str | int], None]
) -> bytes:
    document = json.loads(body)
    for _ in range(random.randint(1, 6)):
        places = list(_places(document))
        if places:
            change(*random.choice(places))
    return json.dumps(document).encode()


def _places(value: object) -> Iterator[tuple[dict[str, object] | list[object], str | int]]:
    if isinstance(value, dict | list):
        keyed = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
        for key, inner in keyed:
            yield value, key
            yield from _places(inner)


_BYTES = (_cut, _flip, _repeat, _recode, _swap_lines, _swap_cells)
_JSON = (_retype, _retype, _drop, _reorder, _repeat_items)
