"""Labels in numbers whose meaning is open: what each of them may say of two answers."""

import math

from lens.core.errors import LensError
from lens.data.reading.sided.words import not_a_side
from lens.data.texts.cells import is_empty
from lens.data.texts.cures import either
from lens.data.texts.names import GRADES, Names, canonical

SIDES = ("first", "second")
OTHER_ENDS = "If the scale ends elsewhere, put its ends in place of these. "
HELPSTEER = 3.0  # the largest strength on its cards
SHARES = {"win_rate", "probability", "share"}  # also in percent
TOPS = (5, 7, 9, 10, 100)  # of scales from 0 or 1 on


def ambiguous(
    names: Names,
    columns: tuple[str, str],
    label: str,
    found: set[float],
    ends: list[str],
    place: str,
) -> LensError:
    """That a label's numbers may mean either answer, with a command for each meaning."""
    a, b = columns
    shown = ", ".join(f"{value:g}" for value in sorted(found)[:8])
    codes = found <= {-1, 0, 1, 2, 3} and canonical(label) not in GRADES
    if codes and found & {2, 3} and found != {1, 2} and (found >= {1, 2} or min(found) == 0):
        meant = {f"1 means `{a}`, 2 means `{b}`, others a tie": {"winner": label}}
        if 0 in found:
            from_0 = f"0 means `{a}`, 1 means `{b}`, others a tie"
            meant |= {from_0: {"better_response_id": label}}
    elif min(found) < 0 or not found <= {0, 1, 2} or canonical(label) in GRADES:
        if min(found) >= 0 and (max(found) <= 1 or canonical(label) in SHARES):
            meant = {f"the share that prefers `{a}`": {"first_share": label}}
            meant |= {f"the share that prefers `{b}`": {"second_share": label}}
        elif min(found) >= 1 and max(found) <= 2:
            meant = {f"1 means `{a}`, 2 means `{b}`, 1.5 a tie": {"winner": label}}
        elif min(found) >= 0:
            raise without_zero(columns, label, found, place)
        else:
            meant = {f"negative means that `{a}` is better": {"preference_strength": label}}
            meant |= {f"positive means that `{a}` is better": {"margin": label}}
            if codes and found == {-1, 0, 1}:
                unjudged = f"0 means `{a}`, 1 means `{b}`, -1 that nobody judged"
                meant |= {unjudged: {"better_response_id": label}}
    elif 2 in found:
        meant = {f"1 means `{a}`, 2 means `{b}`": {"winner": label}}
        meant |= {f"a scale on which positive means `{b}`": {"preference_strength": label}}
    elif ends == ["1", "2"]:
        meant = {f"1 means `{a}`": {"winner" if found == {1} else "first_is_better": label}}
        meant |= {f"1 means `{b}`": {"second_is_better": label}}
    else:
        meant = {f"1 means `{a}`": {"first_is_better": label}}
        meant |= {f"1 means `{b}`": {"second_is_better": label}}
    where, value = next(
        (where, row[label]) for where, row in names.rows if not is_empty(row.get(label))
    )
    return LensError(
        f"{not_a_side(value, columns, f'{where}: `{label}`', '')} Its values ({shown}) may mean "
        f"either. {either(place, meant)}"
    )


def seems_unsigned(found: set[float]) -> bool:
    """Whether a scale that should have a sign is one from 1 up, whose middle is the tie."""
    return min(found) > 0 and (max(found) > HELPSTEER or len(found) > 2)


def of_scale(columns: tuple[str, str], ends: tuple[float, float], low: int) -> str:
    """What the ends and the middle of a scale mean, whose lowest value is best for `low`."""
    said = [
        f"{value:g} means `{columns[side]}`"
        for value, side in zip(ends, (low, 1 - low), strict=True)
    ]
    return f"{', '.join(said)}, {sum(ends) / 2:g} a tie"


def ends_of_scale(columns: tuple[str, str], label: str, found: set[float]) -> dict[str, dict]:
    """What a label's values may mean on usual scales that hold them, with the columns that say so,
    for either answer at the low end."""
    low, high = int(min(found) >= 1), max(found)
    tops = [top for top in TOPS if top >= high][:1] or [math.ceil(high)]
    tops = [int(high), *tops] if min(found) == low and high == int(high) else tops
    return {
        of_scale(columns, (low, top), side): {
            f"{low}_is_{SIDES[side]}_{top}_is_{SIDES[1 - side]}": label
        }
        for top in dict.fromkeys(tops)
        for side in (0, 1)
    }


def without_zero(columns: tuple[str, str], label: str, found: set[float], place: str) -> LensError:
    """That a scale such as 1 to 7 does not say where it ends, nor which end means which answer."""
    meant = ends_of_scale(columns, label, found)
    return LensError(
        f"{place}: `{label}` grades `{columns[0]}` and `{columns[1]}` by {min(found):g} to "
        f"{max(found):g}, and nothing says where the scale ends and which end is for which answer. "
        f"{OTHER_ENDS}{either(place, meant)}"
    )
