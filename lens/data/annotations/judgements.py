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
    listed_answers,
    meanings,
    position,
    sign,
    words,
)
from lens.data.annotations.questions import (
    TURNED,
    Answers,
    Judgement,
    Margins,
    Question,
    choose,
    margins_of,
    verdict_of,
    worth_of,
)
from lens.data.reading.sided import offered
from lens.data.reading.sided.words import quoted
from lens.data.sources import Row, row_id
from lens.data.texts.cures import either
from lens.data.texts.names import ENDS, PROMPTS, Names

LISTED = STEMS | {"item", "items", "option", "options", "results"}
ADDED = ("response_a", "response_b", "winner")
VOTES = {"votes_for": 1, "votes_against": -1, "votes_tied": 0}


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
    questions or answers cannot be distinguished.
    """
    if not rows or not has_questions(rows[0][1]):
        return None
    rows, columns, user_names = _renamed(rows, columns)
    answers, used = _find_answers(rows)
    chosen = choose(rows, answers, user_names)
    votes = [_votes(row, chosen, texts) for (_, row), texts in zip(rows, answers, strict=True)]
    all_votes = [vote for pairs in votes for pair_votes in pairs.values() for vote in pair_votes]
    grades = [abs(steps) for _, steps in all_votes if steps]
    is_scale = any(map(ENDS.fullmatch, chosen))  # a scale, by its ends
    scale = STRONGEST if is_scale else max(grades) if len({*grades}) > 1 else None
    counts = Counter(annotators=len({who for who, _ in all_votes} - {None}))
    questions = [n for n, value in rows[0][1].items() if isinstance(value, Question)]
    new_rows, known = [], []
    for (where, row), texts, row_votes in zip(rows, answers, votes, strict=True):
        counts.update(row[next(iter(chosen))].left_out)
        counts["rows nobody judged"] += not row_votes
        fields = {name: v for name, v in row.items() if name not in {*used, *questions}}
        for (i, j), about in _paired(row_votes, len(texts), select, scale):
            counts["votes"] += sum(about[name] for name in VOTES)
            key = {"id": f"{row_id(where, row)}-{i + 1}-{j + 1}"} if len(texts) > 2 else {}
            new_rows.append((where, fields | key | _sides(texts[i][1], texts[j][1])))
            known.append(about)
    if all("tie" in about for about in known):
        raise LensError(
            f"{rows[0][0]} and on: nobody prefers an answer ({len(known)} ties, "
            f"{counts['rows nobody judged']} rows not judged). Label answers that differ."
        )
    best = "worse" if TURNED in chosen else "better"
    says = f"says which is {best} of" if None in chosen.values() else "rate"
    return Judged(
        new_rows,
        columns | {name: name for name in ADDED},
        known,
        +counts,
        f"{quoted(chosen)} {says} {quoted(used)}",
        [name for name in questions if name not in chosen],
        meanings(
            [
                (one.value, [name for name, _ in texts], verdict_of(question, one.value, texts))
                for (_, row), texts in zip(rows, answers, strict=True)
                for question, about in chosen.items()
                for one in row[question].judgements
                if about is None
            ],
            best,
        ),
    )


def _sides(better: object, worse: object) -> dict:
    return dict(zip(ADDED, (better, worse, "a"), strict=True))


def _renamed(
    rows: list[Row], columns: dict[str, str]
) -> tuple[list[Row], dict[str, str], set[str]]:
    """(rows with answers and questions under the names given, the other columns, these names)."""
    first = rows[0][1]
    user_names = {
        ours: theirs
        for ours, theirs in columns.items()
        if theirs in first and (isinstance(first[theirs], Question) or ours in ADDED)
    }
    names = {theirs: ours for ours, theirs in user_names.items()}
    renamed = [
        (where, {names.get(name, name): value for name, value in row.items()})
        for where, row in rows
    ]
    return (
        renamed,
        {o: theirs for o, theirs in columns.items() if o not in user_names},
        {*user_names},
    )


def _find_answers(rows: list[Row]) -> tuple[list[Answers], list[str]]:
    """(the answers of each row, their columns): columns that options name, a list of answers, or
    columns of one kind."""
    where, first = rows[0]
    fields = [n for n, value in first.items() if n != "id" and not isinstance(value, Question)]
    options = {
        str(o) for _, row in rows for judgement in _all_judgements(row) for o in _options(judgement)
    }
    named = [name for name in fields if name in options]
    lists = [name for name in fields if all(listed_answers(row.get(name)) for _, row in rows)]
    list_columns = [name for name in lists if LISTED.intersection(words(name))]
    columns = _whole_family(named, fields, where) if len(named) > 1 else None
    if not columns and len(list_columns) != 1:
        columns, list_columns = answer_columns(fields, where), lists
    if columns:
        sided = (
            one for _, row in rows for one in _all_judgements(row) if one.value in ("left", "right")
        )
        if {position(str(one.about).split(",")[0], columns) for one in sided} == {1}:
            columns = columns[::-1]  # what a control names first stands on the left
        rows_of_answers = [[(name, row.get(name)) for name in columns] for _, row in rows]
        return [
            row_answers[:2] + [one for one in row_answers[2:] if one[1]]
            for row_answers in rows_of_answers
        ], columns
    if len(list_columns) != 1:
        texts = offered.texts(Names(fields, rows), [*PROMPTS])
        readings = {
            f"`{a}` and `{b}` are the answers": {"response_a": a, "response_b": b}
            for a, b in [*combinations(texts, 2)][: offered.MAX_READINGS]
        }
        raise LensError(
            f"{where}: annotators compared answers, but none are found among {sorted(fields)}. "
            f"{either(where, readings)}"
        )
    return [listed_answers(row[list_columns[0]]) or [] for _, row in rows], list_columns


def _whole_family(named: list[str], fields: list[str], where: str) -> list[str]:
    """Columns that options name, with those of their kind that nobody chose."""
    try:
        family = answer_columns(fields, where) or []
    except LensError:
        return named
    return family if {*named} < {*family} else named


def _all_judgements(row: dict) -> Iterator[Judgement]:
    for question in row.values():
        if isinstance(question, Question):
            yield from question.judgements


def _options(judgement: Judgement) -> list:
    value = judgement.value
    return list(value) if isinstance(value, dict | list | frozenset) else [value]


def _votes(
    row: dict, chosen: dict[str, int | None], answers: Answers
) -> dict[tuple[int, int], list[tuple[str | None, float]]]:
    """{(first, second): [(annotator, steps)]} of a row, by each annotator's last word."""
    by_annotator: dict[object, dict[str, Judgement]] = {}
    for name in chosen:
        for number, one in enumerate(row[name].judgements):
            key = number if one.annotator is None else one.annotator
            by_annotator.setdefault(key, {})[name] = one
    votes: dict[tuple[int, int], list] = {}
    for by_question in by_annotator.values():
        annotator = next(iter(by_question.values())).annotator
        for pair, steps in _of_annotator(by_question, chosen, answers).items():
            votes.setdefault(pair, []).append((annotator, steps))
    return votes


def _of_annotator(
    by_question: dict[str, Judgement], chosen: dict[str, int | None], answers: Answers
) -> Margins:
    if None in chosen.values():
        ((name, one),) = by_question.items()
        return margins_of(name, one.value, answers) or {}
    worths = {chosen[name]: worth_of(name, one.value) for name, one in by_question.items()}
    rated = {i: number for i, number in worths.items() if i is not None and number is not None}
    both = combinations(sorted(rated), 2)
    return {(i, j): STRONGEST * sign(rated[i] - rated[j]) for i, j in both}


def _paired(
    votes: dict, count: int, select: Callable | None, scale: float | None
) -> Iterator[tuple[tuple[int, int], dict]]:
    """((chosen, rejected), what is known of the pair), in the order of the answers."""
    worth = [0.0] * count
    for (i, j), pair_votes in votes.items():
        worth[i] += sum(steps for _, steps in pair_votes)
        worth[j] -= sum(steps for _, steps in pair_votes)
    wanted = {frozenset(pair) for pair in select(worth)} if select and count > 2 else None
    for pair, pair_votes in sorted(votes.items()):
        if wanted is not None and frozenset(pair) not in wanted:
            continue
        mean = sum(steps for _, steps in pair_votes) / len(pair_votes)
        turn = -1 if mean < 0 else 1
        signs = [(annotator, turn * sign(steps)) for annotator, steps in pair_votes]
        known: dict = {"side": "second" if turn < 0 else "first"}
        known |= {name: sum(sign == way for _, sign in signs) for name, way in VOTES.items()}
        for name, way in (("annotators_for", 1), ("annotators_against", -1)):
            known[name] = [who for who, sign in signs if sign == way and who is not None]
        if scale:
            known |= {"strength": abs(mean), "scale": scale}
        known |= {"tie": True} if mean == 0 else {}
        yield pair[::turn], known
