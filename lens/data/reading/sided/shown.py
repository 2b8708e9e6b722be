"""Columns that say in which order two answers were shown: a label may go by that order."""

import re
from dataclasses import replace

from lens.core.errors import LensError
from lens.data.reading.sided.labels import Judged, Sides, by_name
from lens.data.reading.sided.words import NO, YES, word_of
from lens.data.texts.cells import is_empty, listed
from lens.data.texts.cures import either
from lens.data.texts.names import Names, words_of

ROLE = "swapped"  # what such a column is called by users whose label goes by it
FLAGS = {"swapped", "swap", "flipped", "flip", "reversed", "reverse", "switched", "inverted"}
FIRST = {"shown", "presented", "displayed", "left"}
ORDERS = {"order", "ordering", "permutation"} | FIRST
PREFERRED = {"preference", "preferred", "rank", "ranked"}  # of an order from the best on
AS_STORED = {"original", "normal", "standard", "unchanged", "default"}


def by_shown_order(names: Names, sides: Sides, where: str) -> Sides:
    """Sides as they are, or, if the user asks for it, judged by the order in which they were shown.
    LensError where rows were shown the other way round, and it is open what the label goes by."""
    for canonical_name, name in names.known.items():
        named = canonical_name == ROLE and ROLE in names.fixed
        words = _words(canonical_name)
        tells = bool(words & (FLAGS | ORDERS)) and not words & PREFERRED
        if name in (*sides.both, *sides.judges) or not tells:
            continue
        turned = [_is_turned(names, sides, name, row) for _, row in names.rows]
        if named and None in turned:
            row_where, row = names.rows[turned.index(None)]
            raise LensError(
                f"{row_where}: `{name}` is {row[name]!r:.80}, not true or false, nor an order of "
                f"`{sides.first}` and `{sides.second}`. Fix it."
            )
        if named:
            return _by_order_shown(names, sides, name)
        if None in turned or True not in turned:
            continue
        judges = "` and `".join(sides.judges)
        readings = {f"`{judges}` goes by the order in which answers were shown": {ROLE: name}}
        readings |= {f"it goes by `{sides.first}` and `{sides.second}`": {name: ""}}
        raise LensError(
            f"{where}: `{name}` says that the answers of {turned.count(True)} of {len(turned)} "
            f"rows were shown the other way round. {either(where, readings)}"
        )
    return sides


def _is_turned(names: Names, sides: Sides, name: str, row: dict) -> bool | None:
    """Whether a row's second answer was shown first; None where its cell does not say it."""
    value, words = row.get(name), _words(name)
    word, flags = word_of(value), bool(FLAGS & words)
    if is_empty(value) or word in AS_STORED or (flags and word in NO):
        return False
    if word in FLAGS or (flags and word in YES):
        return True
    side_of, parts = by_name(names, sides.both, sides.both), _parts(value)
    names_first = len(parts) == 1 and bool(words & (FIRST | FLAGS) or "first" in word)
    sides_shown = [side[0] for side in (side_of(part, row) for part in parts) if side is not None]
    whole = len(sides_shown) == len(parts) and (
        {*sides_shown} == {0, 1} if not names_first else None not in sides_shown
    )
    return sides_shown[0] == 1 if whole else None


def _words(name: str) -> set[str]:
    return {*re.findall(r"[^\W_]+", " ".join(words_of(name)))}


def _parts(value: object) -> list:
    """The sides that "ba", "B, A", "b then a", "b_first" or a list name, in their order."""
    items = listed(value)
    if items is not None:
        return items
    text = re.sub(r"[\s_-]*first$", "", str(value).strip(), flags=re.IGNORECASE)
    parts = re.split(r"\s*(?:,|/|->|>|\bthen\b|\band\b)\s*", text)
    return [*text] if len(parts) == 1 and len(text) == 2 else parts


def _by_order_shown(names: Names, sides: Sides, name: str) -> Sides:
    def judge(row: dict, where: str) -> Judged:
        side, strength = sides.judge(row, where)
        turned = isinstance(side, int) and _is_turned(names, sides, name, row)
        return (1 - side if isinstance(side, int) and turned else side), strength

    description = (
        f"{sides.description}, in the order in which they were shown, which `{name}` tells"
    )
    return replace(
        sides,
        judges=(*sides.judges, name),
        judge=judge,
        description=description,
        check=None,
        turned=lambda row: _is_turned(names, sides, name, row),
    )
