"""Which turn of two conversations was judged, as in the human judgements of MT-Bench."""

from lens.core.errors import LensError
from lens.data.texts.cells import number
from lens.data.texts.conversations import is_whole
from lens.data.texts.names import Names
from lens.data.texts.turns import as_turns


def judged_turn(names: Names, both: tuple[str, str]) -> dict[str, str]:
    """{"turn": the column that says which turn of the user was answered better}, where it is not
    the last one in all rows."""
    name = names.known.get("turn")
    if name is None:
        return {}
    turns = [
        (_number(row.get(name)), _questions(row[side]))
        for _, row in names.rows
        for side in both
        if is_whole(row.get(side))
    ]
    within = all(judged is not None and 1 <= judged <= count for judged, count in turns)
    return {"turn": name} if within and any(judged != count for judged, count in turns) else {}


def first_turns(value: object, turn: object) -> object:
    """A conversation up to what follows the user's turn of this number, from 1."""
    turns = as_turns(value) if is_whole(value) else None
    if turns is None:
        return value
    users = [at for at, message in enumerate(turns) if message["role"] == "user"]
    last = int(_number(turn) or len(users))
    return turns[: users[last]] if last < len(users) else turns


def _questions(value: object) -> int:
    return sum(turn["role"] == "user" for turn in as_turns(value) or [])


def _number(value: object) -> float | None:
    try:
        return number(value, "")
    except LensError:
        return None
