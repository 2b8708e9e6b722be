"""What a cell of a table holds: lists and messages as JSON or Python text, numbers, nothing."""

import ast
import json
import math
import re
from typing import Any

import numpy as np

from lens.core.errors import LensError

Row = tuple[str, dict]  # where it is ("file, row 7"), columns
UNRATED = {"", "n/a", "na", "nan", "none", "null", "-", "<na>", "#n/a"}
EMPTY = UNRATED | {"[]", "{}"}
TOKEN = re.compile(
    r"""(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<word>[\w.+-]+)"""
    r"|(?P<open>[\[({])|(?P<close>[\])}])|(?P<mark>[,:=])|(?P<blank>\s+)",
    re.DOTALL,
)
WRITTEN = re.compile(r"(?P<number>-?\d+(?:[.,]\d+)?)\s*(?:%|stars?|points?|/\s*(?:5|7|10|100))?")
SCALE = re.compile(r"^-?[\d.,]+\s*(%|/\s*\d+)$")
DECIMAL = re.compile(r"-?(?:\d+,\d{1,2}|0,\d+)")  # no comma between thousands
# As spreadsheets write truth values, in English, German, French, Spanish, Italian, Dutch.
TRUE = {"true", "wahr", "vrai", "verdadero", "vero", "verdadeiro", "waar"}
FALSE = {"false", "falsch", "faux", "falso", "onwaar"}
# Words that rate an answer, a line for each worth, from the worst on.
_DEGREES = """terrible awful horrible verybad verypoor
bad poor
fair average ok okay acceptable neutral medium
good
verygood great
excellent outstanding perfect"""
_VERDICTS = "no down thumbsdown \N{THUMBS DOWN SIGN} dislike disliked negative unhelpful incorrect "
_VERDICTS += "wrong false rejected\nyes up thumbsup \N{THUMBS UP SIGN} like liked positive helpful "
_VERDICTS += "correct right true chosen accepted preferred selected"
_STARS = "\n".join(f"{'★' * n} {'★' * n}{'☆' * (5 - n)} {'⭐' * n}" for n in range(1, 6))
SCALES = [
    {word: at for at, line in enumerate(lines.split("\n")) for word in line.split()}
    for lines in (_DEGREES, _VERDICTS, _STARS)
]
WORDS = {"true": "True", "false": "False", "null": "None", "nan": "None", "NaN": "None"}
_ALIKE = {"equal", "same", "similar", "comparable", "equivalent", "alike"}
_TIES = {"tie", "tied", "=", "draw", "both", "neither", "neutral", "a=b", "b=a", "[[c]]", "even"}
_TIES |= {"[[a=b]]", "[[b=a]]", "[[tie]]"}
_TIES |= {"nopreference", "nodifference", "nowinner", "neitherisbetter", "noclearwinner"}
_TIES |= {
    f"{who}{about}{the}{word}"
    for who in ("", "both", "bothare", "theyare")
    for about in ("", "about", "roughly")
    for the in ("", "the")
    for word in _ALIKE
}
_TIES |= {"unentschieden", "gleich", "gleichgut", "gleichschlecht", "gleichwertig", "beide"}
_TIES |= {"beidegleich", "beidegleichgut", "égalité", "egalité", "egalite", "exaequo", "pareil"}
_TIES |= {"empate", "igual", "iguales", "ambos", "ambas", "pareggio", "parità", "uguale", "uguali"}
_TIES |= {"entrambi", "entrambe", "gelijk", "gelijkspel", "remis"}
_TIES |= {
    f"{both}{how}{worth}"
    for both in ("", "tie", "both", "tieboth", "tiebothare", "bothare", "theyareboth", "neitheris")
    for how in ("", "equally")
    for worth in ("good", "bad", "poor")
    if both or how
}
_UNJUDGED = {"skip", "skipped", "unjudged", "unsure", "unknown", "notsure", "imnotsure", "?", "??"}
_UNJUDGED |= {
    "pending",
    "todo",
    "undecided",
    "noanswer",
    "notjudged",
    "notrated",
    "unrated",
    "invalid",
}
_UNJUDGED |= {"notlabeled", "notlabelled", "unlabeled", "unlabelled", "notannotated"}
_UNJUDGED |= {
    f"{who}{cant}{do}"
    for who in ("", "i")
    for cant in ("cant", "cannot")
    for do in ("tell", "decide")
}
_UNJUDGED |= {f"{who}{dont}" for who in ("", "i") for dont in ("dontknow", "donotknow")}


def parse_json(text: str) -> Any:
    """What JSON text says. ValueError too where it is nested too deeply or names something twice
    in one object, of which only one could be kept."""
    try:
        return json.loads(text, object_pairs_hook=_named_once)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _named_once(items: list[tuple[str, object]]) -> dict:
    require_distinct([name for name, _ in items])
    return dict(items)


def require_distinct(names: list[str]) -> None:
    """ValueError if a name is used twice; empty ones cannot be asked for and may."""
    if len(set(names)) < len(names):
        twice = [name for name in names if name != "" and names.count(name) > 1]
        if twice:
            raise ValueError(f"the name {twice[0]!r:.80} is used twice")


def parse_cell(text: str) -> Any:
    """The list or object that a cell holds as JSON, or as Python, pandas or NumPy print it.

    ValueError where it holds neither, or where something was left out when it was printed ("...").
    """
    try:
        return parse_json(text)
    except ValueError as error:
        reason = error
    try:
        return ast.literal_eval(_as_python(text))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise ValueError(str(reason)) from reason


def _as_python(text: str) -> str:
    """Printed lists as a Python literal: NumPy's lists without commas get them, `array(...)` and
    `dtype=...` go. ValueError for what is no literal."""
    parts, position, after_value = [], 0, False
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise ValueError("no literal")
        position, kind, token = match.end(), match.lastgroup, match.group()
        if kind == "blank":
            continue
        if kind == "word" and set(token) == {"."}:
            raise ValueError("something was left out")
        if kind == "word" and token in ("array", "dtype", "object", "list"):
            parts += [","] * (after_value and token in ("array", "list"))
            after_value = False
            continue
        if token == "=" or (token == "," and text[position:].lstrip().startswith("dtype")):
            continue
        if after_value and kind in ("text", "word", "open"):
            parts.append(",")
        parts.append(WORDS.get(token, token) if kind == "word" else token)
        after_value = kind in ("text", "word", "close")
    return "".join(parts)


def as_list(value: object, what: str) -> list:
    """A list, or text of one (as CSV files hold it), or an array (as data frames do); an object of
    lists of one length, as the Hub keeps lists of objects, becomes a list of objects."""
    if isinstance(value, str):
        try:
            value = parse_cell(value)
        except ValueError as error:
            raise LensError(f"{what} must be a list; as text it is not JSON ({error}).") from error
    if isinstance(value, np.ndarray | tuple):
        value = list(value)
    if isinstance(value, dict) and is_of_lists(value):
        names = list(value)
        columns = zip(*value.values(), strict=True)
        value = [dict(zip(names, items, strict=True)) for items in columns]
    if not isinstance(value, list):
        raise LensError(f"{what} must be a list, not {type(value).__name__}.")
    return value


def is_of_lists(value: dict) -> bool:
    lists = all(isinstance(items, list | np.ndarray) for items in value.values())
    return bool(value) and lists and len({len(items) for items in value.values()}) == 1


def listed(value: object) -> list | None:
    """A list, be it as text or as an array; None for anything else."""
    if isinstance(value, str) and not re.match(r"\s*(array\()?[\[{]", value):
        return None
    try:
        return as_list(value, "")
    except LensError:
        return None


def is_empty(value: object) -> bool:
    """Whether a cell holds nothing: null, NaN, blanks, a name of nothing, an empty list."""
    if isinstance(value, str):
        return value.strip().casefold() in EMPTY
    if isinstance(value, list | dict | tuple | np.ndarray):
        return len(value) == 0
    return value is None or value != value


def lacks_text(value: object) -> bool:
    """Whether a cell holds nothing, or a list in which a text is null or blank."""
    parts = value if isinstance(value, list) else []
    return is_empty(value) or any(part is None or not str(part).strip() for part in parts)


def number(value: Any, what: str) -> float | None:
    """A rating as a number (true is 1, false 0; also 90 % and 4/5, whose 5 is no part of
    it), None where there is none; NaN is none."""
    if isinstance(value, str):
        word = value.strip().casefold()
        value = 1 if word in TRUE else 0 if word in FALSE else None if word in UNRATED else value
        if (written := WRITTEN.fullmatch(word)) and (
            "," not in written["number"] or DECIMAL.fullmatch(written["number"])
        ):
            value = written["number"].replace(",", ".")
    try:
        parsed = math.nan if value is None else float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise LensError(
            f"{what} is {value!r:.80}, not a number such as 4.5. Fix it or leave it empty."
        ) from error
    if math.isinf(parsed):
        raise LensError(f"{what} is infinite. Fix it or leave it empty.")
    return None if math.isnan(parsed) else parsed


def graded(values: list, what: str) -> list[float | None]:
    """Ratings as numbers, also where all of them are words of one of `SCALES`."""
    require_one_scale(values, what)
    words = [_plain(value) for value in values if not is_empty(value)]
    for scale in SCALES:
        if words and scale.keys() >= {*words}:
            return [None if is_empty(value) else float(scale[_plain(value)]) for value in values]
    return [number(value, what) for value in values]


def require_one_scale(values: list, what: str) -> None:
    """LensError where numbers to be compared are written on different scales: 4/5 and 7/10."""
    scales = [match[1] for value in values if (match := SCALE.search(str(value).strip()))]
    if len({*scales}) > 1:
        raise LensError(
            f"{what} is on different scales: {', '.join(dict.fromkeys(scales))}. Write plain "
            "numbers on one scale."
        )


def are_marks(values: list) -> bool:
    """Whether cells say of answers that they are the chosen one or not."""
    try:
        return {*graded(values, "")} <= {0, 1}
    except LensError:
        return False


def in_words(values: list) -> str:
    """The words that rate answers, from the worst on, as a remark; "" where numbers do."""
    words = {_plain(value): str(value) for value in values if not is_empty(value)}
    if not words or any(map(is_number, values)):
        return ""
    order = [word for scale in SCALES for word in scale if word in words]
    return f" ({' < '.join(words[word] for word in order)})" if len(order) == len(words) else ""


def is_number(value: object) -> bool:
    """Whether a cell holds a number, be it as text; a truth value counts, nothing does not."""
    try:
        return number(value, "") is not None
    except LensError:
        return False


def _plain(value: object) -> str:
    return re.sub(r"[\s_.,;:!()'\u2019/-]+", "", str(value).casefold())


def is_tie(value: object) -> bool:
    """Whether a label's words say that neither answer is better."""
    return _plain(value) in _TIES


def is_unjudged(value: object) -> bool:
    """Whether a label's words say that nobody judged."""
    return _plain(value) in _UNJUDGED
