"""From the forms in which people keep preferences to rows with `chosen` and `rejected`.

Recognised by their columns: `pair`, `labelled_pair` (two responses and who won), `ratings` and
`ranking` (a prompt's list of responses), `rated_rows` (one response per row), `best_first`. One
file holds one form. Whether the texts are usable is for `lens.data.pairs` to check.
"""

import json
from collections import Counter
from itertools import combinations, islice
from typing import cast

from lens.core.errors import LensError
from lens.data.annotations.alone import rated_alone
from lens.data.annotations.exports import opened
from lens.data.annotations.judgements import ADDED, Judged, judged_rows
from lens.data.compared import RULES, compare
from lens.data.form_report import FormReport
from lens.data.reading.find import Reading, find_form
from lens.data.reading.missing import unrated_lists
from lens.data.reading.rivals import ratings_of
from lens.data.reading.several.listed import (
    about_other_order,
    answer_values,
    list_each_side,
    unused_inside,
)
from lens.data.reading.sided import offered
from lens.data.reading.sided.labels import Sides
from lens.data.reading.sided.words import winning_side
from lens.data.reading.ties import both_scores, graded, scores_inside
from lens.data.reading.unused import is_bookkeeping
from lens.data.soft_labels import of_scores, of_strength
from lens.data.sources import Row, row_id, row_number
from lens.data.texts import threads
from lens.data.texts.cells import as_list, in_words, number
from lens.data.texts.conversations import PARTS, conversation, is_whole
from lens.data.texts.cures import (
    contradicted,
    either,
    keeping_columns,
    look_command,
    placeholders,
    scored_below,
    trying,
)
from lens.data.texts.names import is_rank, names_of
from lens.data.texts.turns import InvalidRowError

ROWS_TRIED = 1000  # with the commands that a refusal prints
__all__ = ["RULES", "FormReport", "compare", "find_form", "to_pairs", "winning_side"]


def to_pairs(
    rows: list[Row],
    *,
    pair_rule: str = "all",
    columns: dict[str, str] | None = None,
    graded: bool = False,
) -> tuple[list[Row], FormReport]:
    """Rows of any form as rows for `lens.data.pairs.normalise_pairs`, and what was seen.

    `pair_rule` (see `compare`) says which of several responses make pairs, `columns` which column
    is what ({"ours": "theirs"}, "" for none). Two responses of equal worth make no pair, but one
    with `tie` for `graded` pairs, which also have the `gap` between their scores or ratings.
    LensError names the first row that is of another form or cannot be read, or says that no two
    responses differ.
    """
    if pair_rule not in RULES:
        raise LensError(f"no rule {pair_rule!r} for making pairs. Use one of {list(RULES)}.")
    first = rows[:ROWS_TRIED]
    with (
        keeping_columns(columns or {}),
        trying(lambda named: _to_pairs(first, pair_rule, named, graded=True)),
    ):
        return _to_pairs(rows, pair_rule, columns, graded)


def _to_pairs(
    rows: list[Row], pair_rule: str, columns: dict[str, str] | None, graded: bool
) -> tuple[list[Row], FormReport]:
    rows = threads.opened(rows) or opened(rows)
    rows = rated_alone(rows, columns or {}) or rows
    select = None if pair_rule == "all" else lambda values: compare(values, pair_rule)[0]
    if judged := judged_rows(rows, columns or {}, select):
        rows, columns = judged.rows, judged.columns
    reading = find_form(rows, columns)
    rows = reading.prepare(rows)
    report = FormReport(reading.form, columns=reading.columns, unread=[*reading.unused])
    report.telling = [*reading.telling]
    make = {
        "pair": _from_pairs,
        "labelled_pair": _from_labels,
        "rated_rows": _from_rated_rows,
        "best_first": _from_best_first,
    }.get(reading.form, _from_lists)
    pairs = make(rows, reading, pair_rule, report)
    if judged:
        pairs = _voted(pairs, judged, report)
    if all("tie" in pair for _, pair in pairs):
        raise _all_alike(rows, reading, report)
    _require_prompt(rows, reading)
    report.description += "; " + _about_prompt(reading.parts, pairs[0][1])
    report.use_names_of_file(reading.renames)
    if not graded:
        pairs = [(where, pair) for where, pair in pairs if "tie" not in pair]
        pairs = [(where, {n: v for n, v in pair.items() if n != "gap"}) for where, pair in pairs]
    return pairs, report


def _all_alike(rows: list[Row], reading: Reading, report: FormReport) -> LensError:
    """That nothing says which answer is better, as where scores are only placeholders."""
    message = (
        f"{rows[0][0]} and on, read as {report.form}: no prompt has two responses that are "
        f"rated differently ({report.responses} responses, {report.unrated} unrated, "
        f"{report.ties} ties). Add responses that differ to the same prompts"
    )
    where, names = rows[0][0], names_of(rows)
    by = (reading.listed.by,) if reading.listed else reading.sides.judges if reading.sides else ()
    if reading.sides:
        others = offered.labels(names, reading.sides.both, *by)
    else:
        others = offered.of_lists(names, reading.columns["responses"]) if reading.listed else {}
    others = {
        meaning: named for meaning, named in others.items() if {*named.values()}.isdisjoint(by)
    }
    if not report.ties or not by or not others:
        return LensError(f"{message}. {look_command(where)}")
    return LensError(
        f"{message}, or, if `{'` and `'.join(by)}` only holds the place of a rating, name what "
        f"says which is better. {either(where, others)}"
    )


def _voted(pairs: list[Row], judged: Judged, report: FormReport) -> list[Row]:
    """Pairs made of the rows of an export, each with what is known of it, and reported as such."""
    report.form, report.description = "judgements", judged.description
    report.judgements, report.meanings = dict(judged.counts), judged.meanings
    report.ties = sum("tie" in known for known in judged.known)
    report.unread = sorted([*report.unread, *judged.unused])
    report.telling += [name for name in judged.unused if not is_bookkeeping(name)]
    report.columns = {role: name for role, name in report.columns.items() if name not in ADDED}
    voted = zip(pairs, judged.known, strict=True)
    return [(where, pair | known) for (where, pair), known in voted]


def _from_pairs(rows: list[Row], reading: Reading, rule: str, report: FormReport) -> list[Row]:
    pairs, columns = [], reading.columns
    names = [columns[side] for side in ("score_chosen", "score_rejected") if side in columns]
    ties = f" (ties told by `{names[0]}` and `{names[1]}`)" if names else ""
    better = f"`{columns['chosen']}` is preferred to `{columns['rejected']}`"
    report.description = f"{better}{ties}"
    score_counts: Counter[tuple] = Counter()
    by = names
    for where, row in rows:
        parts, (chosen, rejected) = reading.texts(row, where)
        scores = [number(row.get(name), f"{where}: `{name}`") for name in names]
        if names and is_rank(names[0]):
            scores = [None if score is None else -score for score in scores]
        cell_scores = both_scores(row, reading.ties)
        scores = scores or [*(cell_scores[1] if cell_scores else scores_inside([chosen, rejected]))]
        by = by or ([f"{cell_scores[0]}.{at}" for at in (0, 1)] if cell_scores else [])
        report.responses += 2
        scored = [score for score in scores if score is not None]
        if len(scored) == 2:
            score_counts[tuple(scored)] += 1
            report.contradictions += scored[0] < scored[1]
        known = {"tie": True} if reading.tied(row) else of_scores(*scores)
        known |= graded(row, reading.grades, where)
        report.ties += "tie" in known
        row_pairs = _each_with_each(where, row, parts, chosen, rejected)
        pairs += [(where, pair | known) for where, pair in row_pairs]
    if names and len(rows) > 1 and len(score_counts) == 1 and report.ties == len(rows):
        raise placeholders(rows, names, next(iter(score_counts))[0])
    below = by if len(rows) > 1 and "score_chosen" not in reading.renames else []
    if below and report.contradictions > len(rows) / 2:
        both = columns["chosen"], columns["rejected"]
        raise scored_below(rows, both, below, report.contradictions)
    return pairs


def _each_with_each(
    where: str, row: dict, parts: dict, chosen: object, rejected: object
) -> list[Row]:
    """The pair of a row, or, where a side lists several answers, all pairs of them."""
    good, bad = list_each_side(chosen, rejected)
    if len(good) == len(bad) == 1:
        return [(where, _pair(row, parts, chosen, rejected))]
    pairs = []
    for i, better in enumerate(good, 1):
        for j, worse in enumerate(bad, 1):
            pair = _pair(row, parts, better, worse) | {"id": f"{row_id(where, row)}-{i}-{j}"}
            pairs.append((f"{where}, chosen {i} over rejected {j}", pair))
    return pairs


def _from_labels(rows: list[Row], reading: Reading, rule: str, report: FormReport) -> list[Row]:
    pairs, sides, judgements = [], cast(Sides, reading.sides), []
    report.description = sides.description
    for where, row in rows:
        report.responses += 2
        judged = (None, None) if reading.tied(row) else sides.judge(row, where)
        judgements.append((tuple(row.get(name) for name in sides.judges), judged))
        winner, strength = judged
        if sides.check and isinstance(winner, int):
            report.contradictions += sides.check(row, where)[0] == 1 - winner
        if isinstance(winner, str):
            report.unjudged += 1
        else:
            parts, both = reading.texts(row, where)
            pair = _pair(row, parts, both[winner or 0], both[1 - (winner or 0)])
            pair |= {"side": sides.shown(winner, row)}
            known = of_strength(strength, sides.scale) | graded(row, reading.grades, where)
            pair |= {"tie": True} if winner is None else known
            report.ties += "tie" in pair
            pairs.append((where, pair))
    report.meanings = sides.meanings(judgements)
    named_by_user = any(name in sides.judges for name in reading.renames)
    if report.contradictions > len(pairs) / 2 and len(pairs) > 1 and not named_by_user:
        raise contradicted(rows, sides.judges, report.contradictions, len(pairs))
    return pairs


def _from_lists(rows: list[Row], reading: Reading, rule: str, report: FormReport) -> list[Row]:
    answers, name = reading.listed, reading.columns["responses"]
    if answers is None:
        raise unrated_lists(rows, name)
    ranked = answers.kind != "ratings"
    report.description = (
        f"`{name}`{f' (their `{answers.text}`)' if answers.text else ''} are compared by "
        f"`{answers.by}`, {answers.better}: {RULES[rule]}"
    )
    report.overruled = about_other_order(rows, answers)
    pairs, inner_fields = [], set()
    for where, row in rows:
        parts, texts = reading.texts(row, where)
        items = as_list(row.get(name), f"{where}: `{name}`")
        inner_fields.update(unused_inside(items, answers))
        values = answer_values(row, items, answers, where)
        for i, j in _compare_and_count(values, rule, report, ties=answers.kind != "choice"):
            pair = _pair(row, parts, texts[i], texts[j])
            pair |= of_scores(values[i], values[j]) if not ranked or values[i] == values[j] else {}
            pair["id"] = f"{row_id(where, row)}-{i + 1}-{j + 1}"
            pairs.append((f"{where}, responses {i + 1} over {j + 1}", pair))
    inside = [f"{name}.{field}" for field in sorted(inner_fields)]
    report.inside = [path for path in inside if path not in reading.renames.values()]
    return pairs


def _from_best_first(rows: list[Row], reading: Reading, rule: str, report: FormReport) -> list[Row]:
    listed_in = reading.columns["responses"]
    report.description = f"`{listed_in}` lists the better answer, then the worse one"
    report.responses = 2 * len(rows)
    read = [(where, row, reading.texts(row, where)) for where, row in rows]
    return [(where, _pair(row, parts, *answers)) for where, row, (parts, answers) in read]


def _from_rated_rows(rows: list[Row], reading: Reading, rule: str, report: FormReport) -> list[Row]:
    text, rating = reading.columns["response"], reading.columns["rating"]
    prompt = reading.columns.get("prompt", text)
    ranked, words = is_rank(rating), in_words([row.get(rating) for _, row in rows])
    prompt_name = f"`{prompt}`" if prompt != text else "prompt"
    report.description = (
        f"rows of the same {prompt_name} have their `{text}` compared by `{rating}`, "
        f"{'lower' if ranked else 'higher'} is better{words}: {RULES[rule]}"
    )
    groups: dict[str, list[tuple]] = {}
    for where, row in rows:
        parts, (answer,) = reading.texts(row, where)
        key = json.dumps(parts if prompt != text else _prompt_of(parts, answer), default=str)
        groups.setdefault(key, []).append((where, row, parts, answer))
    pairs = []
    for group in groups.values():
        first = f"{group[0][0]}: `{rating}`"
        values = ratings_of(rating, [row[rating] for _, row, *_ in group], first)
        for i, j in _compare_and_count(values, rule, report):
            (where, row, parts, better), (other_where, _, _, worse) = group[i], group[j]
            pair = _pair(row, parts, better, worse)
            pair |= of_scores(values[i], values[j]) if not ranked or values[i] == values[j] else {}
            # Not the rows' ids: those may be the prompt's, the same for all its responses.
            pair["id"] = f"{row_number(where)}-{row_number(other_where)}"
            pairs.append((f"{where} over row {row_number(other_where)}", pair))
    return pairs


def _prompt_of(parts: dict, answer: object) -> object:
    """What a whole conversation answers; all of it where that is not known."""
    try:
        return conversation(parts, answer)[0]
    except InvalidRowError:
        return answer


def _compare_and_count(
    values: list, rule: str, report: FormReport, ties: bool = True
) -> list[tuple[int, int]]:
    """Positions of the pairs, and after them of the ties, if equal values are any."""
    pairs, alike = compare(values, rule)
    alike *= ties
    report.responses += len(values)
    report.unrated += values.count(None)
    report.ties += alike
    report.prompts_without_pair += not pairs
    rated = [i for i, value in enumerate(values) if value is not None]
    tied = ((i, j) for i, j in combinations(rated, 2) if values[i] == values[j])
    return [*pairs, *islice(tied, alike)]


def _pair(row: dict, parts: dict, chosen: object, rejected: object) -> dict:
    pair = {"id": row["id"]} if "id" in row else {}
    return pair | parts | {"chosen": chosen, "rejected": rejected}


def _require_prompt(rows: list[Row], reading: Reading) -> None:
    """LensError where no column is a prompt and no answer repeats one."""
    if "prompt" in reading.parts or "history" in reading.parts:
        return
    answers = (answer for where, row in rows for answer in reading.texts(row, where)[1])
    if any(map(_may_have_prompt, answers)):
        return
    where, row = rows[0]
    texts = offered.texts(names_of(rows), reading.used)
    readings = {f"`{name}` is": {"prompt": name} for name in texts[: offered.MAX_READINGS]}
    raise LensError(
        f"{where}: there is no prompt: no column of {sorted(map(str, row))} is one, and the "
        'answers are no conversations that repeat it ("\\n\\nHuman: ...\\n\\nAssistant: ..."). '
        f"{either(where, readings)}"
    )


def _may_have_prompt(answer: object) -> bool:
    return not isinstance(answer, str) or is_whole(answer)


def _about_prompt(parts: dict[str, str], pair: dict) -> str:
    named = {part: parts[part] for part in PARTS if part in parts}
    if is_whole(pair["chosen"]):
        more = [f"`{named[part]}`" for part in ("system", "history") if part in named]
        return "the prompt is what both sides begin with" + "".join(f", with {m}" for m in more)
    columns = " and ".join(f"`{column}`" for column in named.values())
    return f"the prompt is {columns}"
