"""What annotators said of the answers to a prompt, as pairs with votes.

Labelling tools ask questions: which of two answers is better, in which order they stand, how good
each one is. `labelstudio` and `argilla` open exports as rows whose columns hold `Question`s; here
each two answers become a pair, and each annotator votes for one of them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from lens.core.errors import LensError
from lens.data.annotations.answers import (
    STEMS,
    STRONGEST,
    answer_columns,
    find_verdict,
    listed_answers,
    meanings,
    position,
    rating,
    sign,
    words,
)
from lens.data.reading.sided.words import quoted
from lens.data.sources import Row, row_id
from lens.data.texts.cells import is_unjudged
from lens.data.texts.cures import command, either

PREFERRED = ("preference", "winner", "preferred", "choice", "better", "label")
LISTED = STEMS | {"item", "items", "option", "options", "results"}
ADDED = ("response_a", "response_b", "winner")
VOTES = {"votes_for": 1, "votes_against": -1, "votes_tied": 0}
Answers = list[tuple[str, object]]  # name or id, text
Margins = dict[tuple[int, int], float]  # (first, second) answer: steps by which the first is better


@dataclass
class Said:
    """One annotator's answer to a question; `about` is the element that it concerns, if known."""

    annotator: str | None
    value: object
    about: object = None


@dataclass
class Question:
    """What all annotators said in one row, and how much of the row was left out, by reason."""

    said: list[Said]
    left_out: Counter


def has_questions(row: dict) -> bool:
    return any(isinstance(value, Question) for value in row.values())


@dataclass
class Judged:
    """An export as rows with `response_a` (the answer with more votes), `response_b` and `winner`,
    the `columns` that name these and parts of the prompt, what is `known` of each pair, what was
    seen and left out in `counts`, and in words how answers were compared."""

    rows: list[Row]
    columns: dict[str, str]
    known: list[dict]
    counts: Counter
    description: str
    unused: list[str]
    meanings: dict[str, dict]


def judged_rows(
    rows: list[Row],
    columns: dict[str, str],
    select: Callable[[list[float]], Iterable[tuple[int, int]]] | None,
) -> Judged | None:
    """A row for each two answers that anybody compared; None where rows hold no `Question`.

    `columns` may name answers and questions; `select` says which positions of answers make pairs,
    given each answer's votes, if not all do. Of a pair are known `side`, `votes_for`,
    `votes_against`, `votes_tied`, `annotators_for` and `annotators_against`, `tie` where the votes
    are even, and `strength` on a `scale` where words such as "slightly" grade them. LensError where
    questions or answers cannot be told apart.
    """
    if not rows or not has_questions(rows[0][1]):
        return None
    rows, columns = _renamed(rows, columns)
    answers, used = _find_answers(rows)
    chosen = _choose(rows, answers)
    votes = [_votes(row, chosen, each) for (_, row), each in zip(rows, answers, strict=True)]
    said = [one for each in votes for given in each.values() for one in given]
    grades = [abs(steps) for _, steps in said if steps]
    scale = max(grades) if grades and min(grades) < max(grades) else None
    counts = Counter(annotators=len({who for who, _ in said if who is not None}))
    questions = [name for name, value in rows[0][1].items() if isinstance(value, Question)]
    made, known = [], []
    for (place, row), each, found in zip(rows, answers, votes, strict=True):
        counts.update(row[next(iter(chosen))].left_out)
        counts["rows nobody judged"] += not found
        fields = {name: v for name, v in row.items() if name not in {*used, *questions}}
        for (i, j), about in _paired(found, len(each), select, scale):
            counts["votes"] += sum(about[name] for name in VOTES)
            key = {"id": f"{row_id(place, row)}-{i + 1}-{j + 1}"} if len(each) > 2 else {}
            sides = dict(zip(ADDED, (each[i][1], each[j][1], "a"), strict=True))
            made.append((place, fields | key | sides))
            known.append(about)
    if all("tie" in about for about in known):
        raise LensError(
            f"{rows[0][0]} and on: nobody prefers an answer ({len(known)} ties, "
            f"{counts['rows nobody judged']} rows not judged). Label answers that differ."
        )
    says = "rate" if None not in chosen.values() else "says which is better of"
    return Judged(
        made,
        columns | {name: name for name in ADDED},
        known,
        +counts,
        f"{quoted(chosen)} {says} {quoted(used)}",
        [name for name in questions if name not in chosen],
        meanings(
            (one.value, [name for name, _ in each])
            for (_, row), each in zip(rows, answers, strict=True)
            for question, about in chosen.items()
            for one in row[question].said
            if about is None
        ),
    )


def _renamed(rows: list[Row], columns: dict[str, str]) -> tuple[list[Row], dict[str, str]]:
    """(rows with answers and questions under the names given, the other columns)."""
    first = rows[0][1]
    mine = {
        ours: theirs
        for ours, theirs in columns.items()
        if theirs in first and (isinstance(first[theirs], Question) or ours in ADDED)
    }
    names = {theirs: ours for ours, theirs in mine.items()}
    renamed = [
        (place, {names.get(name, name): value for name, value in row.items()})
        for place, row in rows
    ]
    return renamed, {ours: theirs for ours, theirs in columns.items() if ours not in mine}


def _find_answers(rows: list[Row]) -> tuple[list[Answers], list[str]]:
    """(the answers of each row, their columns): columns that options name, a list of answers, or
    columns of one kind."""
    place, first = rows[0]
    fields = [n for n, value in first.items() if n != "id" and not isinstance(value, Question)]
    options = {str(o) for _, row in rows for said in _all_said(row) for o in _options(said)}
    named = [name for name in fields if name in options]
    lists = [name for name in fields if all(listed_answers(row.get(name)) for _, row in rows)]
    meant = [name for name in lists if LISTED.intersection(words(name))]
    columns = named if len(named) > 1 else None
    if not columns and len(meant) != 1:
        columns, meant = answer_columns(fields, place), lists
    if columns:
        sided = (one for _, row in rows for one in _all_said(row) if one.value in ("left", "right"))
        if {position(str(one.about).split(",")[0], columns) for one in sided} == {1}:
            columns = columns[::-1]  # what a control names first stands on the left
        found = [[(name, row.get(name)) for name in columns] for _, row in rows]
        return [each[:2] + [one for one in each[2:] if one[1]] for each in found], columns
    if len(meant) != 1:
        raise LensError(
            f"{place}: annotators compared answers, but none are found among {sorted(fields)}. Say "
            "which columns hold them: "
            + command(place, {"response_a": "COLUMN", "response_b": "COLUMN"})
        )
    return [listed_answers(row[meant[0]]) or [] for _, row in rows], meant


def _all_said(row: dict) -> Iterator[Said]:
    for value in row.values():
        if isinstance(value, Question):
            yield from value.said


def _options(said: Said) -> list:
    value = said.value
    return list(value) if isinstance(value, dict | list | frozenset) else [value]


def _choose(rows: list[Row], answers: list[Answers]) -> dict[str, int | None]:
    """The question that compares answers, or those that rate one each, with that answer's position.
    LensError where none does, or more than one may be meant."""
    place, first = rows[0]
    names = [name for name, value in first.items() if isinstance(value, Question)]
    comparing = [name for name in names if _compares(rows, answers, name)]
    preferred = [name for name in comparing if str(name).casefold() in PREFERRED]
    if len(preferred) == 1 or len(comparing) == 1:
        return {(preferred or comparing)[0]: None}
    if comparing:
        raise LensError(
            f"{place}: annotators answered {quoted(comparing)}, and each may decide. "
            + either(place, {f"`{name}` decides": {"preference": name} for name in comparing})
        )
    rated = {name: _rated_answer(rows, answers, name) for name in names}
    families: dict[tuple, dict[str, int | None]] = {}
    keys = [words(name) for name, _ in max(answers, key=len)]
    for name, about in rated.items():
        if about is not None:
            kind = tuple(word for word in words(name) if word not in keys[about])
            families.setdefault(kind, {})[name] = about
    full = {kind: each for kind, each in families.items() if len(set(each.values())) > 1}
    if ("rating",) in full or len(full) == 1:
        return full.get(("rating",)) or next(iter(full.values()))
    if full:
        roles = [{f"rating_{n}": x for n, x in enumerate(each, 1)} for each in full.values()]
        meant = {f"by {quoted(each.values())}": each for each in roles}
        raise LensError(
            f"{place}: annotators rated answers in more than one way. {either(place, meant)}"
        )
    seen = {name: next(iter(_unread(rows, answers, name)), None) for name in names}
    raise LensError(
        f"{place}: no question says which of {quoted(n for n, _ in answers[0])} is better, but "
        f"{'; '.join(f'`{name}` says {value!r:.60}' for name, value in seen.items())}. A question "
        "needs the answers' names, left and right, a ranking, or a rating for each answer. If 1 "
        f"means the first answer, 2 the second: {command(place, {'preference': names[0]})}"
    )


def _compares(rows: list[Row], answers: list[Answers], name: str) -> bool:
    """Whether all that was said to a question compares answers of its row."""
    told = any(not is_unjudged(one.value) for _, row in rows for one in row[name].said)
    return told and not _unread(rows, answers, name)


def _unread(rows: list[Row], answers: list[Answers], name: str) -> list:
    """What was said to a question and compares no answers."""
    both = zip(rows, answers, strict=True)
    said = [(one.value, each) for (_, row), each in both for one in row[name].said]
    return [value for value, each in said if _margins(name, value, each) is None]


def _margins(name: str, value: object, answers: Answers) -> Margins | None:
    """How a verdict, a ranking or a set of chosen answers compares them; None if it is neither."""
    names = [name for name, _ in answers]
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
    if isinstance(value, dict) and all(isinstance(each, list) for each in value.values()):
        if len(value) != 1:  # buckets of Label Studio's Ranker have names, and no order
            return None
        (value,) = value.values()
    order = value if isinstance(value, dict) else {str(key): n for n, key in enumerate(value)}
    found = {position(str(key), names): rating(rank) for key, rank in order.items()}
    ranks = {i: rank for i, rank in found.items() if i is not None and rank is not None}
    if not 1 < len(ranks) == len(order):
        return None
    both = combinations(sorted(ranks), 2)
    return {(i, j): STRONGEST * sign(ranks[j] - ranks[i]) for i, j in both}


def _rated_answer(rows: list[Row], answers: list[Answers], name: str) -> int | None:
    """The position of the answer that a question rates in numbers; None if it rates none."""
    said = [one for _, row in rows for one in row[name].said]
    names = [key for key, _ in max(answers, key=len)]
    if not said or any(rating(one.value) is None for one in said):
        return None
    about = {str(one.about) for one in said if one.about}
    if len(about) == 1 and (found := position(about.pop(), names)) is not None:
        return found
    inside = [i for i, key in enumerate(names) if set(words(key)) <= set(words(name))]
    if len(inside) == 1:
        return inside[0]
    for word in words(name):
        if (word.isdigit() or len(word) == 1) and (found := position(word, names)) is not None:
            return found
    return None


def _votes(
    row: dict, chosen: dict[str, int | None], answers: Answers
) -> dict[tuple[int, int], list[tuple[str | None, float]]]:
    """{(first, second): [(annotator, steps)]} of a row, by each annotator's last word."""
    by_annotator: dict[object, dict[str, Said]] = {}
    for name in chosen:
        for number, one in enumerate(row[name].said):
            key = number if one.annotator is None else one.annotator
            by_annotator.setdefault(key, {})[name] = one
    votes: dict[tuple[int, int], list] = {}
    for said in by_annotator.values():
        annotator = next(iter(said.values())).annotator
        for pair, steps in _of_annotator(said, chosen, answers).items():
            votes.setdefault(pair, []).append((annotator, steps))
    return votes


def _of_annotator(
    said: dict[str, Said], chosen: dict[str, int | None], answers: Answers
) -> Margins:
    if None in chosen.values():
        ((name, one),) = said.items()
        return _margins(name, one.value, answers) or {}
    given = {chosen[name]: rating(one.value) for name, one in said.items()}
    rated = {i: number for i, number in given.items() if i is not None and number is not None}
    both = combinations(sorted(rated), 2)
    return {(i, j): STRONGEST * sign(rated[i] - rated[j]) for i, j in both}


def _paired(
    votes: dict, count: int, select: Callable | None, scale: float | None
) -> Iterator[tuple[tuple[int, int], dict]]:
    """((chosen, rejected), what is known of the pair), in the order of the answers."""
    worth = [0.0] * count
    for (i, j), given in votes.items():
        worth[i] += sum(steps for _, steps in given)
        worth[j] -= sum(steps for _, steps in given)
    wanted = {frozenset(pair) for pair in select(worth)} if select and count > 2 else None
    for pair, given in sorted(votes.items()):
        if wanted is not None and frozenset(pair) not in wanted:
            continue
        mean = sum(steps for _, steps in given) / len(given)
        turn = -1 if mean < 0 else 1
        signs = [(annotator, turn * sign(steps)) for annotator, steps in given]
        known: dict = {"side": "second" if turn < 0 else "first"}
        known |= {name: sum(sign == way for _, sign in signs) for name, way in VOTES.items()}
        for name, way in (("annotators_for", 1), ("annotators_against", -1)):
            known[name] = [who for who, sign in signs if sign == way and who is not None]
        if scale:
            known |= {"strength": abs(mean), "scale": scale}
        known |= {"tie": True} if mean == 0 else {}
        yield pair[::turn], known
