"""Labels in numbers whose meaning is open: what each of them may say of two answers."""

import math

from lens.core.errors import LensError
from lens.data.reading.sided.words import not_a_side
from lens.data.texts.cells import is_empty
from lens.data.texts.cures import either
from lens.data.texts.names import GRADES, Names, canonical

SIDES = ("first", "second")
OTHER_ENDS = "If the scale ends elsewhere, put its ends instead of these. "
HELPSTEER = 3.0  # the largest strength on its cards
SHARES = {"win_rate", "probability", "share"}  # also in percent
TOPS = (5, 7, 9, 10, 100)  # of scales from 0 or 1 on


def ambiguous(
    names: Names,
    columns: tuple[str, str],
    label: str,
    values: set[float],
    ends: list[str],
    where: str,
) -> LensError:
    """That a label's numbers may mean either answer, with a command for each meaning."""
    a, b = columns
    value_list = ", ".join(f"{value:g}" for value in sorted(values)[:8])
    codes = values <= {-1, 0, 1, 2, 3} and canonical(label) not in GRADES
    if codes and values & {2, 3} and values != {1, 2} and (values >= {1, 2} or min(values) == 0):
        readings = {f"1 means `{a}`, 2 means `{b}`, others a tie": {"winner": label}}
        if 0 in values:
            from_0 = f"0 means `{a}`, 1 means `{b}`, others a tie"
            readings |= {from_0: {"better_response_id": label}}
    elif min(values) < 0 or not values <= {0, 1, 2} or canonical(label) in GRADES:
        if min(values) >= 0 and (max(values) <= 1 or canonical(label) in SHARES):
            readings = {f"the share that prefers `{a}`": {"first_share": label}}
            readings |= {f"the share that prefers `{b}`": {"second_share": label}}
        elif min(values) >= 1 and max(values) <= 2:
            readings = {f"1 means `{a}`, 2 means `{b}`, 1.5 a tie": {"winner": label}}
        elif min(values) >= 0:
            raise unknown_scale(columns, label, values, where)
        else:
            readings = {f"negative means that `{a}` is better": {"preference_strength": label}}
            readings |= {f"positive means that `{a}` is better": {"margin": label}}
            if codes and values == {-1, 0, 1}:
                unjudged = f"0 means `{a}`, 1 means `{b}`, -1 that nobody judged"
                readings |= {unjudged: {"better_response_id": label}}
    elif 2 in values:
        readings = {f"1 means `{a}`, 2 means `{b}`": {"winner": label}}
        readings |= {f"a scale on which positive means `{b}`": {"preference_strength": label}}
    elif ends == ["1", "2"]:
        readings = {f"1 means `{a}`": {"winner" if values == {1} else "first_is_better": label}}
        readings |= {f"1 means `{b}`": {"second_is_better": label}}
    else:
        readings = {f"1 means `{a}`": {"first_is_better": label}}
        readings |= {f"1 means `{b}`": {"second_is_better": label}}
    label_where, value = next(
        (label_where, row[label]) for label_where, row in names.rows if not is_empty(row.get(label))
    )
    return LensError(
        f"{not_a_side(value, columns, f'{label_where}: `{label}`', '')} Its values ({value_list}) "
        f"may mean either. {either(where, readings)}"
    )


def seems_unsigned(values: set[float]) -> bool:
    """Whether a scale that should have a sign is one from 1 up, whose middle is the tie."""
    return min(values) > 0 and (max(values) > HELPSTEER or len(values) > 2)


def scale_in_words(columns: tuple[str, str], ends: tuple[float, float], low: int) -> str:
    """What the ends and the middle of a scale mean, whose lowest value is best for `low`."""
    meanings = [
        f"{value:g} means `{columns[side]}`"
        for value, side in zip(ends, (low, 1 - low), strict=True)
    ]
    return f"{', '.join(meanings)}, {sum(ends) / 2:g} a tie"


def scale_readings(columns: tuple[str, str], label: str, values: set[float]) -> dict[str, dict]:
    """What a label's values may mean on usual scales that hold them, with the columns that say so,
    for either answer at the low end."""
    low, high = int(min(values) >= 1), max(values)
    tops = [top for top in TOPS if top >= high][:1] or [math.ceil(high)]
    tops = [int(high), *tops] if min(values) == low and high == int(high) else tops
    return {
        scale_in_words(columns, (low, top), side): {
            f"{low}_is_{SIDES[side]}_{top}_is_{SIDES[1 - side]}": label
        }
        for top in dict.fromkeys(tops)
        for side in (0, 1)
    }


def unknown_scale(
    columns: tuple[str, str], label: str, values: set[float], where: str
) -> LensError:
    """That a scale such as 1 to 7 does not say where it ends, nor which end means which answer."""
    readings = scale_readings(columns, label, values)
    return LensError(
        f"{where}: `{label}` grades `{columns[0]}` and `{columns[1]}` by {min(values):g} to "
        f"{max(values):g}, and nothing says where the scale ends and which end is for which "
        f"answer. {OTHER_ENDS}{either(where, readings)}"
    )
