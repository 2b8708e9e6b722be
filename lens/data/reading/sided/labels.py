"""What the values of a label say: which of two answers is better, and how clearly.

A label's direction is never guessed: where two meanings are possible, the row is refused.
"""

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from lens.core.errors import LensError
from lens.data.reading.sided import offered
from lens.data.reading.sided.ambiguous import (
    HELPSTEER,
    ambiguous,
    scale_in_words,
    seems_unsigned,
    unknown_scale,
)
from lens.data.reading.sided.words import NO, YES, ends_of, named_side, not_a_side, word_of
from lens.data.texts.cells import is_empty, is_number, is_tie, is_unjudged, listed, number
from lens.data.texts.cures import as_tie, either
from lens.data.texts.names import ENDS, LISTS, Names, canonical, column_named, names_of, text_of

SIGNED = ("preference_strength", "overall_preference")  # HelpSteer 2 and 3: negative, the first


# (0 or 1 for the better side, None for a tie, "" where nobody judged; how strongly, where told)
Judged = tuple[int | str | None, float | None]


@dataclass(frozen=True)
class Sides:
    """Two columns with answers, and the columns that judge them; `judge(row, where)` says which
    side is better (0, 1), None for a tie, "" if nobody judged, and how strongly."""

    first: str
    second: str
    judges: tuple[str, ...]
    judge: Callable[[dict, str], Judged]
    description: str
    scale: float | str | None = None  # what a strength is at most; "share": it is a probability
    check: Callable[[dict, str], Judged] | None = (
        None  # as `judge`, by scores that stand next to the label
    )
    turned: Callable[[dict], bool | None] | None = None  # whether the second was shown first

    def meanings(self, judged: list[tuple]) -> dict[str, dict]:
        """{label: what it means and in how many rows} of (cells, (side, strength)) each."""
        counts: Counter[str] = Counter()
        means = {}
        for cells, (side, _) in judged:
            label = " / ".join(map(str, cells))
            counts[label] += 1
            means[label] = {"": "nobody judged", None: "a tie"}.get(side) or (
                f"`{self.both[side]}` is better"
            )
        return {label: {"means": means[label], "rows": n} for label, n in counts.most_common(12)}

    def shown(self, side: int | None, row: dict) -> str:
        """Which of the two answers that were shown a side is, "first" or "second"."""
        turned = self.turned is not None and bool(self.turned(row))
        return ("first", "second")[(side or 0) ^ turned]

    @property
    def both(self) -> tuple[str, str]:
        return self.first, self.second


def labelled(
    columns: tuple[str, str],
    label: str,
    meaning: Callable,
    description: str = "",
    scale: float | str | None = None,
) -> Sides:
    def judge(row: dict, where: str) -> Judged:
        value = row.get(label)
        if is_empty(value) or is_unjudged(value):
            return "", None
        judged = meaning(value, row)
        if judged is None:
            raise LensError(not_a_side(value, columns, f"{where}: `{label}`", _cure(row, where)))
        return judged

    def _cure(row: dict, where: str) -> str:
        others = offered.labels(names_of([(where, row)]), columns, label)
        if others:
            return f" Fix the label, or name another: {either(where, others)}"
        ends = ", ".join(json.dumps(column, ensure_ascii=False) for column in columns)
        tie = as_tie(where, label, row[label])
        return f' Fix the label. To write "tie" (or {ends}, "skipped") for it: {tie}'

    description = (
        description or f"`{label}` says which of `{columns[0]}` and `{columns[1]}` is preferred"
    )
    return Sides(columns[0], columns[1], (label,), judge, description, scale)


def read_label(names: Names, columns: tuple[str, str], label: str, where: str) -> Sides:
    """What the label's values mean; LensError where two meanings are possible, or none is."""
    values = [v for v in names.values(label) if not (is_tie(v) or is_unjudged(v))]
    if values and all(_two_numbers(value) for value in values):
        _require_counts(names, columns, label, values, where)
        description = f"`{label}` says how much `{columns[0]}` and `{columns[1]}` are preferred"
        return labelled(columns, label, lambda v, _: _side_of_shares(v), description, "share")
    true_false = all(word_of(value) in YES | NO for value in values)
    true_false = true_false and not all(map(_is_plain_number, values))
    if not (true_false or all(map(_is_plain_number, values))):
        return labelled(
            columns, label, by_name(names, columns, _numbered_from_0_or_1(columns, values))
        )
    if not values and not names.is_empty(label):
        return labelled(columns, label, lambda value, _: (None, None) if is_tie(value) else None)
    if not values:
        first, row = names.rows[0]
        raise LensError(not_a_side(row.get(label), columns, f"{first}: `{label}`"))
    numbers = {_number(value, label) for value in values}
    name, ends = canonical(label), ends_of(columns, names)
    if ends_given := ENDS.fullmatch(name):
        return _on_a_scale(columns, label, ends_given, numbers, where)
    if name in SIGNED and name not in names.fixed and seems_unsigned(numbers):
        raise unknown_scale(columns, label, numbers, where)
    if name in SIGNED or (name == "margin" and name in names.fixed):
        sign = 1 if name == "margin" else -1
        scale = max(HELPSTEER, *map(abs, numbers)) if name in SIGNED else None
        direction = "positive" if sign == 1 else "negative"
        description = f"a {direction} `{label}` means that `{columns[0]}` is better, 0 a tie"
        return labelled(
            columns, label, lambda v, _: _signed(_number(v, label) * sign), description, scale
        )
    if name in ("first_share", "second_share"):
        side = 0 if name == "first_share" else 1
        whole, unit = (100, " in percent") if any(value > 1 for value in numbers) else (1, "")
        description = f"`{label}` is the share{unit} that prefers `{columns[side]}`"
        return labelled(
            columns,
            label,
            lambda v, _: _share(_number(v, label) / whole, side),
            description,
            "share",
        )
    between = all(value == 0 or 1 <= value <= 2 for value in numbers) and not numbers <= {1, 2}
    if between and (_is_alpaca(name, columns, ends) or (name in names.fixed and 0 not in numbers)):
        description = f"`{label}` is 1 where `{columns[0]}` is better, 2 where `{columns[1]}` is"
        return labelled(
            columns, label, lambda v, _: _from_1_to_2(_number(v, label)), description, "share"
        )
    index = _index(name, numbers, [] if true_false else ends, columns, names)
    if index is None:
        raise ambiguous(names, columns, label, numbers, [] if true_false else ends, where)
    return labelled(
        columns, label, lambda v, _: (None, None) if is_tie(v) else index.get(_number(v, label))
    )


def _index(
    name: str, numbers: set[float], ends: list[str], columns: tuple[str, str], names: Names
) -> dict | None:
    """{number: (side, None)} of a label in whole numbers, where only one meaning is possible."""
    first, second = (0, None), (1, None)
    if name == "first_is_better" or (name == "labels" and _is_shp(name, columns, names)):
        return {1.0: first, 0.0: second} if numbers <= {0, 1} else None
    if name == "second_is_better":
        return {0.0: first, 1.0: second} if numbers <= {0, 1} else None
    if ends == ["0", "1"] and numbers <= {0, 1} and (numbers != {1} or not _were_a_list(columns)):
        return {0.0: first, 1.0: second}
    if ends == ["1", "2"] and numbers <= {1, 2}:
        scale = name in ("preference", "human_preference") and "preference" not in names.fixed
        return (
            None if scale and "output" not in canonical(columns[0]) else {1.0: first, 2.0: second}
        )
    if name in ("better_response_id", "safer_response_id") and numbers <= {0, 1} and 0 in numbers:
        return {0.0: first, 1.0: second}
    if numbers == {1, 2}:
        return {1.0: first, 2.0: second}
    codes = _codes(name) if name in names.fixed else {}
    beyond = bool(numbers & {2, 3})
    unclear = 0 in numbers and not beyond if name == "winner" else beyond and 0 not in numbers
    return codes if numbers <= codes.keys() and not unclear else None


def _were_a_list(columns: tuple[str, str]) -> bool:
    """Whether two columns were one list of answers, which people number from 0 or from 1; summaries
    are those of summarize from feedback, whose card counts from 0."""
    stem = canonical(columns[0]).rpartition("_")[0]
    return stem in LISTS and stem != "summaries"


def _numbered_from_0_or_1(columns: tuple[str, str], values: list) -> tuple[str, str]:
    """Two columns as labels call them: those of a list end in 1 and 2 where no label says 0."""
    stem = columns[0].rpartition("_")[0]
    digits = {digit for value in values for digit in re.findall(r"\d", str(value))}
    return (f"{stem}_1", f"{stem}_2") if _were_a_list(columns) and "0" not in digits else columns


def _codes(name: str) -> dict[float, tuple]:
    """What whole numbers mean where the user says whether they count from 1 or from 0: the
    other numbers are ties, -1 says that nobody judged."""
    start = {"winner": 1.0, "better_response_id": 0.0}.get(name)
    if start is None:
        return {}
    ties: dict[float, tuple] = dict.fromkeys((0.0, 2.0, 3.0), (None, None))
    return ties | {-1.0: ("", None), start: (0, None), start + 1: (1, None)}


def _is_shp(name: str, columns: tuple[str, str], names: Names) -> bool:
    """SHP's card: `labels` is 1 where `human_ref_A` is preferred, 0 where `human_ref_B` is."""
    return name in names.fixed or canonical(columns[0]).startswith("human_ref")


def _on_a_scale(
    columns: tuple[str, str], label: str, scale: re.Match, numbers: set[float], where: str
) -> Sides:
    """A scale without a sign, whose ends the user told; its middle is a tie."""
    ends, low = (int(scale["low"]), int(scale["high"])), ("first", "second").index(scale["best"])
    if not ends[0] <= min(numbers) <= max(numbers) <= ends[1] or ends[0] == ends[1]:
        extent = f"{min(numbers):g} to {max(numbers):g}"
        raise LensError(f"{where}: `{label}` holds {extent}. Name ends that enclose these.")
    middle, half = sum(ends) / 2, (ends[1] - ends[0]) / 2
    description = f"{scale_in_words(columns, ends, low)} by `{label}`"

    def meaning(value: object, _: dict) -> tuple:
        side, steps = _signed((middle - _number(value, label)) * (1 - 2 * low))
        return side, steps

    return labelled(columns, label, meaning, description, half)


def _number(value: object, label: str) -> float:
    if word_of(value) in YES | NO:
        return float(word_of(value) in YES)
    return number(value, f"`{label}`") or 0.0


def _is_plain_number(value: object) -> bool:
    return (
        is_number(value) and not isinstance(value, bool) and word_of(value) not in ("true", "false")
    )


def _two_numbers(value: object) -> list[float] | None:
    """A label with a share or a count for each side, such as [1, 0]."""
    both = None if is_number(value) else listed(value)
    if not both or len(both) != 2 or not all(map(is_number, both)):
        return None
    shares = [float(share) for share in both]
    return shares if min(shares) >= 0 else None


def _require_counts(
    names: Names, columns: tuple[str, str], label: str, values: list, where: str
) -> None:
    """LensError where two numbers may be a share for each side, or what each of two annotators
    said: 1 and 2, or 0 and 1 that are not one of each in all rows."""
    shares = [tuple(_two_numbers(value) or ()) for value in values]
    numbers = {number for both in shares for number in both}
    if label in names.fixed or not (numbers <= {1, 2} or numbers <= {0, 1}):
        return
    if numbers <= {0, 1} and all(sum(both) == 1 for both in shares):
        return
    a, b = columns
    start, role = (1, "votes") if numbers <= {1, 2} else (0, "better_response_id")
    readings = {f"a number for `{a}` and one for `{b}`": {"winner": label}}
    readings |= {f"votes, {start} for `{a}` and {start + 1} for `{b}`": {role: label}}
    raise LensError(
        f"{where}: `{label}` (such as {values[0]!s:.40}) may be a number for each answer or what "
        f"each of two annotators said. {either(where, readings)}"
    )


def _side_of_shares(value: object) -> tuple | None:
    shares = _two_numbers(value)
    if shares is None or is_tie(value):
        return (None, None) if is_tie(value) else None
    return _share(shares[0] / sum(shares), 0) if sum(shares) else (None, None)


def _is_alpaca(name: str, columns: tuple[str, str], ends: list[str]) -> bool:
    """AlpacaEval's card: `preference` is 1 for `output_1`, 2 for `output_2`, 1.5 or 0 for a tie."""
    return name == "preference" and "output" in canonical(columns[0]) and ends == ["1", "2"]


def _from_1_to_2(value: float) -> tuple | None:
    return _share(value - 1 if value else 0.5, 1)


def _signed(value: float) -> tuple:
    return (None if value == 0 else 0 if value > 0 else 1), abs(value)


def _share(value: float, side: int) -> tuple | None:
    if not 0 <= value <= 1:
        return None
    return (None if value == 0.5 else side if value > 0.5 else 1 - side), max(value, 1 - value)


def by_name(names: Names, columns: tuple[str, str], label_names: tuple[str, str]) -> Callable:
    """Labels that name a side in words (columns as they are `label_names`), or give the name of the
    model that answered."""
    models = [
        names.known.get(re.sub(r"^.*(?=_[^_]+$)", "model", canonical(column))) for column in columns
    ]
    if None in models:
        models = [names.known.get(f"{canonical(column)}_model") for column in columns]
    if None in models:
        models = [names.known.get(f"model_{end}") for end in ends_of(columns, names)]

    theirs = [names.theirs.get(canonical(column), column) for column in columns]

    def meaning(value: object, row: dict) -> tuple | None:
        if value in theirs and theirs[0] != theirs[1]:
            return theirs.index(value), None
        named_column = (
            None if theirs == [*columns] else column_named(dict.fromkeys(theirs, ""), value, ())
        )
        if named_column:
            return theirs.index(named_column), None
        side = named_side(value, label_names)
        row_models = [row.get(model) for model in models]
        texts = [text_of(row.get(column)).strip() for column in columns]
        if side is None and texts.count(str(value).strip()) == 1:  # the better answer's text
            return texts.index(str(value).strip()), None
        if row_models.count(value) == 1 and side != (row_models.index(value), None):
            return None if side else (row_models.index(value), None)
        return side

    return meaning
