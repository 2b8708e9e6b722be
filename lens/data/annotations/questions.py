"""What annotators were asked: which questions compare answers, or rate one each, and what was said.

A question whose name asks for the worse answer, or whose ratings may be better when lower, is never
read the other way round in silence.
"""

import re
from collections import Counter
from dataclasses import dataclass
from itertools import combinations

from lens.core.errors import LensError
from lens.data.annotations.answers import (
    STRONGEST,
    Verdict,
    find_verdict,
    position,
    rating,
    sign,
    words,
)
from lens.data.reading.sided.ambiguous import OTHER_ENDS, scale_readings
from lens.data.reading.sided.words import quoted
from lens.data.sources import Row
from lens.data.texts.cells import is_unjudged
from lens.data.texts.cures import either
from lens.data.texts.faults import may_ask_for_worse
from lens.data.texts.names import ENDS

PREFERRED = ("preference", "winner", "preferred", "choice", "better", "label")
TURNED = "worse"  # the name of a question, if given, that asks which answer is worse
DIRECTIONS = {"higher": "rating", "lower": "rank"}
Answers = list[tuple[str, object]]  # name or id, text
Margins = dict[tuple[int, int], float]  # (first, second) answer: steps by which the first is better


@dataclass
class Judgement:
    """One annotator's answer to a question; `about` is the element that it concerns, if known."""

    annotator: str | None
    value: object
    about: object = None


@dataclass
class Question:
    """What all annotators said in one row, and how much of the row was left out, by reason."""

    judgements: list[Judgement]
    left_out: Counter


def choose(rows: list[Row], answers: list[Answers], user_names: set[str]) -> dict[str, int | None]:
    """The question that compares answers, or those that rate one each, with that answer's position;
    `user_names` are the names of questions that the user gave. LensError where none does, or more
    than one may be meant, or where a name leaves open whether the better answer or the worse one
    is."""
    where, first = rows[0]
    names = [name for name, value in first.items() if isinstance(value, Question)]
    for question in names:
        if question in user_names and (question == TURNED or ENDS.fullmatch(question)):
            return {question: None}
    comparing = [name for name in names if _compares(rows, answers, name)]
    preferred = [name for name in comparing if str(name).casefold() in PREFERRED]
    decides = (preferred or comparing)[:1] if 1 in (len(preferred), len(comparing)) else []
    if decides and (decides[0] in user_names or not may_ask_for_worse(decides[0])):
        return {decides[0]: None}
    if comparing:
        readings: dict[str, dict[str, str]] = {}
        for name in decides or comparing:
            readings[f"`{name}` names the better answer"] = {"preference": name}
            if may_ask_for_worse(name):
                readings[f"`{name}` names the worse one"] = {TURNED: name}
        raise LensError(
            f"{where}: annotators answered {quoted(decides or comparing)}, and "
            f"{'what it says may mean either' if decides else 'each may decide'}. "
            + either(where, readings)
        )
    if rated := _ratings(rows, answers, names, user_names):
        return rated
    examples = {name: next(iter(_unread(rows, answers, name)), None) for name in names}
    numbers: dict[str, dict[str, str]] = {}
    for name in names:
        ratings = [rating(value) for value in _unread(rows, answers, name)]
        values = [value for value in ratings if value is not None]
        if None in ratings or not ratings:
            continue
        if {*values} <= {1, 2}:
            numbers |= {f"1 in `{name}` means the first answer, 2 the second": {"preference": name}}
        elif min(values) >= 0 and len(answers[0]) == 2:
            one, other = (key for key, _ in answers[0])
            numbers |= scale_readings((one, other), name, {*values})
    raise LensError(
        f"{where}: no question says which of {quoted(n for n, _ in answers[0])} is better, but "
        f"{'; '.join(f'`{name}` says {value!r:.60}' for name, value in examples.items())}. "
        "A question needs the answers' names, left and right, a ranking, or a rating for each "
        "answer. "
        + OTHER_ENDS * any("_is_" in role for columns in numbers.values() for role in columns)
        + either(where, numbers)
    )


def _ratings(
    rows: list[Row], answers: list[Answers], names: list[str], user_names: set[str]
) -> dict[str, int | None] | None:
    """Questions that rate one answer each, {question: position}; None where there are none."""
    where = rows[0][0]
    families: dict[tuple, dict[str, int | None]] = {}
    keys = [words(name) for name, _ in max(answers, key=len)]
    for name in names:
        if (about := _rated_answer(rows, answers, name)) is not None:
            kind = tuple(word for word in words(name) if word not in keys[about])
            families.setdefault(kind, {})[name] = about
    full = {kind: family for kind, family in families.items() if len(set(family.values())) > 1}
    for kind in [kind for kind in (("rating",), ("rank",)) if user_names & {*full.get(kind, ())}]:
        return full[kind]
    if len(full) > 1 and ("rating",) not in full:
        readings = {
            f"by {quoted(family)}": _called("rating", family, answers[0])
            for family in full.values()
        }
        raise LensError(
            f"{where}: annotators rated answers in more than one way. {either(where, readings)}"
        )
    questions = full.get(("rating",)) or next(iter(full.values()), None)
    if questions and any(map(may_ask_for_worse, questions)):
        readings = {
            f"{how} is better": _called(role, questions, answers[0])
            for how, role in DIRECTIONS.items()
        }
        raise LensError(
            f"{where}: {quoted(questions)} rate the answers, with higher or with lower as the "
            f"better. {either(where, readings)}"
        )
    return questions


def _called(role: str, questions: dict[str, int | None], answers: Answers) -> dict[str, str]:
    """Names for questions by the answers that they rate: `rating_response_a`."""
    return {f"{role}_{answers[at or 0][0]}": name for name, at in questions.items()}


def worth_of(name: str, value: object) -> float | None:
    """The value that a rating gives an answer: higher is better; for ranks, lower."""
    number = rating(value)
    return -number if number is not None and "rank" in words(name) else number


def _compares(rows: list[Row], answers: list[Answers], name: str) -> bool:
    """Whether all that was said to a question compares answers of its row."""
    judged = any(not is_unjudged(one.value) for _, row in rows for one in row[name].judgements)
    return judged and not _unread(rows, answers, name)


def _unread(rows: list[Row], answers: list[Answers], name: str) -> list:
    """What was said to a question and compares no answers."""
    both = zip(rows, answers, strict=True)
    judged = [
        (one.value, row_answers) for (_, row), row_answers in both for one in row[name].judgements
    ]
    return [value for value, row_answers in judged if margins_of(name, value, row_answers) is None]


def margins_of(name: str, value: object, answers: Answers) -> Margins | None:
    """How a verdict, a ranking or a set of chosen answers compares them; None if it is neither."""
    if ends := ENDS.fullmatch(name):
        return _on_a_scale(ends, rating(value))
    margins = _margins(name, value, [name for name, _ in answers])
    return (
        {pair: -steps for pair, steps in margins.items()} if margins and name == TURNED else margins
    )


def verdict_of(name: str, value: object, answers: Answers) -> Verdict | None:
    """The answer that a value names, or is nearer to on a scale; None for rankings and the like."""
    if not ENDS.fullmatch(name):
        return find_verdict(value, [key for key, _ in answers])
    steps = (margins_of(name, value, answers) or {}).get((0, 1))
    return None if steps is None else Verdict(None if steps == 0 else int(steps < 0))


def _on_a_scale(ends: re.Match, value: float | None) -> Margins | None:
    """How a number on a scale compares two answers; the user named the scale's ends."""
    low, high = int(ends["low"]), int(ends["high"])
    if value is None or not low <= value <= high:
        return None
    steps = STRONGEST * (1 - 2 * (value - low) / (high - low))
    return {(0, 1): steps if ends["best"] == "first" else -steps}


def _margins(name: str, value: object, names: list[str]) -> Margins | None:
    if isinstance(value, list) and len(value) < len(names):
        value = frozenset(map(str, value))  # a ranking holds all answers
    if isinstance(value, frozenset):
        return _marked(value, names)
    if isinstance(value, dict | list):
        return _ranked(value, names)
    bare = str(name).casefold() in PREFERRED
    verdict = find_verdict(value, names, numbers=bare or isinstance(value, str))
    if verdict is None:
        return {} if is_unjudged(value) else None
    if verdict.answer is None:
        return dict.fromkeys(combinations(range(len(names)), 2), 0.0) if len(names) == 2 else {}
    best, steps = verdict.answer, verdict.steps or STRONGEST
    others = [other for other in range(len(names)) if other != best]
    return {(min(best, o), max(best, o)): steps if best < o else -steps for o in others}


def _marked(value: frozenset, names: list[str]) -> Margins | None:
    """Answers that were marked are better than the others."""
    marked = {position(str(key), names) for key in value}
    if None in marked:
        return None
    both = combinations(range(len(names)), 2)
    worth = {pair: (pair[0] in marked) - (pair[1] in marked) for pair in both}
    return {p: STRONGEST * sign for p, sign in worth.items() if sign or len(names) == 2}


def _ranked(value: dict | list, names: list[str]) -> Margins | None:
    if isinstance(value, dict) and all(isinstance(bucket, list) for bucket in value.values()):
        if len(value) != 1:  # buckets of Label Studio's Ranker have names, and no order
            return None
        (value,) = value.values()
    order = value if isinstance(value, dict) else {str(key): n for n, key in enumerate(value)}
    ranks_by_position = {position(str(key), names): rating(rank) for key, rank in order.items()}
    ranks = {i: rank for i, rank in ranks_by_position.items() if i is not None and rank is not None}
    if not 1 < len(ranks) == len(order):
        return None
    both = combinations(sorted(ranks), 2)
    return {(i, j): STRONGEST * sign(ranks[j] - ranks[i]) for i, j in both}


def _rated_answer(rows: list[Row], answers: list[Answers], name: str) -> int | None:
    """The position of the answer that a question rates in numbers; None if it rates none."""
    judgements = [one for _, row in rows for one in row[name].judgements]
    names = [key for key, _ in max(answers, key=len)]
    if not judgements or any(rating(one.value) is None for one in judgements):
        return None
    elements = {str(one.about) for one in judgements if one.about}
    if len(elements) == 1 and (index := position(elements.pop(), names)) is not None:
        return index
    inside = [i for i, key in enumerate(names) if set(words(key)) <= set(words(name))]
    if len(inside) == 1:
        return inside[0]
    for word in words(name):
        if (word.isdigit() or len(word) == 1) and (index := position(word, names)) is not None:
            return index
    return None
