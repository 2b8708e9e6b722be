"""From the forms in which people keep preferences to rows with `chosen` and `rejected`.

Told apart by their columns: `pair`, `labelled_pair` (two responses and who won), `ratings` and
`ranking` (a prompt's list of responses), `rated_rows` (one response a row). One file holds one
form. Whether the texts are usable is for `lens.data.pairs` to check.
"""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise, product
from typing import Any

import numpy as np

from lens.core.errors import LensError
from lens.data.sources import Row, parse_json, row_id, row_number

# Of several names that are there, the first counts.
PROMPTS = ("prompt", "instruction", "question", "query", "input", "context")
SCORES = ("score{}chosen", "chosen{}score", "chosen{}rating")
LISTS = ("responses", "completions", "candidates", "answers", "outputs")
TEXTS = ("response", "text", "content", "output", "completion", "answer")
RATINGS = ("rating", "score", "overall_score", "fine-grained_score", "reward")
RANK_LISTS, RATING_LISTS = ("ranks", "ranking"), ("ratings", "scores", "rewards")
LABELS = ("winner", "label", "preference", "preferred", "choice", "better", "better_response_id")
STEMS = "response|answer|completion|conversation|output|text|candidate|reply|summary|generation"
SIDE = re.compile(rf"({STEMS})[_ -]?([ab012])", re.IGNORECASE)
SUFFIXES = (["a", "b"], ["0", "1"], ["1", "2"])
TIES = {"tie", "tie(bothbad)", "bothbad", "same", "equal", "both", "neither", "draw"}
UNRATED = {"", "n/a", "na", "nan", "none", "null"}
RULES = {
    "all": "every two responses that differ make a pair",
    "best_worst": "the best and the worst response (the first of each) make a pair",
    "adjacent": "each response makes a pair with all those one step lower",
}


@dataclass
class FormReport:
    """What was seen, and what no pair could be made of.

    `ties` are pairs dropped because both sides are rated alike, `contradictions` pairs kept
    although their scores speak against the label; `unrated` responses have no rating.
    `prompts_without_pair` counts only in forms with several responses to a prompt.
    """

    form: str
    description: str = ""
    unread: list[str] = field(default_factory=list)
    responses: int = 0
    unrated: int = 0
    ties: int = 0
    prompts_without_pair: int = 0
    contradictions: int = 0


def to_pairs(rows: list[Row], *, pair_rule: str = "all") -> tuple[list[Row], FormReport]:
    """Rows of any form as rows for `lens.data.pairs.normalise_pairs`, and what was seen.

    `pair_rule` (see `compare`) says which of several responses make pairs. LensError names the
    first row that is of another form or cannot be read, or says that no two responses differ.
    """
    if pair_rule not in RULES:
        raise LensError(f"no rule {pair_rule!r} for making pairs. Use one of {list(RULES)}.")
    form, columns = find_form(rows)
    report = FormReport(form)
    if form == "pair":
        pairs = _from_pairs(rows, report)
    elif form == "labelled_pair":
        pairs = _from_labels(rows, columns, report)
    elif form == "rated_rows":
        pairs = _from_rated_rows(rows, columns, pair_rule, report)
    else:
        pairs = _from_lists(rows, columns, pair_rule, report)
    if not pairs:
        raise LensError(
            f"{rows[0][0]} and on, read as {report.form}: no prompt has two responses that are "
            f"rated differently ({report.responses} responses, {report.unrated} unrated, "
            f"{report.ties} ties). Add responses that differ to the same prompts."
        )
    report.description += "; " + _about_prompt(columns, pairs[0][1])
    report.unread = sorted(set(map(str, rows[0][1])) - {"id", *columns.values()})
    return pairs, report


def find_form(rows: list[Row]) -> tuple[str, dict[str, str]]:
    """(form, {role: column}) that the rows share; "lists" stands for ratings and ranking."""
    if not rows:
        raise LensError("there are no rows to make pairs of.")
    first = _form(*rows[0])
    for place, row in rows:
        found = _form(place, row)
        if found[0] != first[0] or (found != first and first[0] != "pair"):
            forms = [f"{form} ({', '.join(names.values())})" for form, names in (found, first)]
            raise LensError(
                f"{place}: this row is {forms[0]}, but the first one {forms[1]}. "
                "One file holds one form with the same columns: split the file."
            )
    return first


def _form(place: str, row: dict) -> tuple[str, dict[str, str]]:
    found = form_of(tuple(row))
    if found is None:
        raise LensError(
            f"{place}: the columns {sorted(map(str, row))} fit no form. A row needs `chosen` and "
            "`rejected`; or `prompt` with `responses` and `ratings` or `ranks`, with `response` "
            "and `rating`, or with `response_a`, `response_b` and `winner`. Rename with `columns`."
        )
    return found


@lru_cache
def form_of(names: tuple[str, ...]) -> tuple[str, dict[str, str]] | None:
    """The form that columns of these names make, and which of them is what; None if none."""
    prompt, listed, text = (_first(known, names) for known in (PROMPTS, LISTS, TEXTS))
    columns = {"prompt": prompt} if prompt else {}
    if "chosen" in names and "rejected" in names:
        for name in (score.format(mark) for score, mark in product(SCORES, "_-")):
            other = name.replace("chosen", "rejected")
            if name in names and other in names:
                columns |= {"score_chosen": name, "score_rejected": other}
        return "pair", columns | {"chosen": "chosen", "rejected": "rejected"}
    sides, label = _sides(names), _first(LABELS, names)
    if sides and label:
        return "labelled_pair", columns | {"first": sides[0], "second": sides[1], "label": label}
    values, rating = _first(RANK_LISTS + RATING_LISTS, names), _first((*RATINGS, "label"), names)
    if listed and values:
        return "lists", columns | {"responses": listed, "values": values}
    if prompt and text and rating:
        return "rated_rows", columns | {"response": text, "rating": rating}
    return ("lists", columns | {"responses": listed}) if listed else None


def _first(wanted: tuple[str, ...], names: Iterable[str]) -> str | None:
    return next((name for name in wanted if name in names), None)


def _sides(names: tuple[str, ...]) -> list[str] | None:
    """The two columns of one stem that end in a/b, 0/1 or 1/2, where there are just two."""
    stems: dict[str, dict[str, str]] = {}
    for name in names:
        if match := SIDE.fullmatch(str(name)):
            stem, suffix = match.group(0)[:-1].casefold(), match.group(2).casefold()
            stems.setdefault(stem, {})[suffix] = name
    pairs = ([side[s] for s in sorted(side)] for side in stems.values() if sorted(side) in SUFFIXES)
    return next(pairs, None)


def _from_pairs(rows: list[Row], report: FormReport) -> list[Row]:
    pairs = []
    for place, row in rows:
        _, columns = _form(place, row)
        names = [columns[side] for side in ("score_chosen", "score_rejected") if side in columns]
        scores = [_number(row[name], f"{place}: `{name}`") for name in names]
        if not report.responses:
            ties = f" (ties told by `{names[0]}` and `{names[1]}`)" if names else ""
            report.description = f"`chosen` is preferred to `rejected`{ties}"
        report.responses += 2
        told = [score for score in scores if score is not None]
        if len(told) == 2:
            if told[0] == told[1]:
                report.ties += 1
                continue
            report.contradictions += told[0] < told[1]
        pairs.append((place, _pair(row, columns, row["chosen"], row["rejected"])))
    return pairs


def _from_labels(rows: list[Row], columns: dict[str, str], report: FormReport) -> list[Row]:
    pairs, label, sides = [], columns["label"], (columns["first"], columns["second"])
    report.description = f"`{label}` says which of `{sides[0]}` and `{sides[1]}` is preferred"
    for place, row in rows:
        report.responses += 2
        winner = winning_side(row[label], sides, f"{place}: `{label}`")
        if winner is None:
            report.ties += 1
            continue
        pair = _pair(row, columns, row[sides[winner]], row[sides[1 - winner]])
        pairs.append((place, pair))
    return pairs


def winning_side(value: object, sides: tuple[str, str], what: str) -> int | None:
    """0 or 1 for the side that a label names, None for a tie; LensError for anything else."""
    word = re.sub(r"(?<=\w)[\s_-]+(?=[\w(])", "", str(value).strip().casefold())
    word = re.sub(r"^(\d)\.0$", r"\1", word)  # whole numbers beside empty cells become floats
    for position, column in enumerate(sides):
        stem, suffix = column[:-1].casefold().rstrip("_ -"), column[-1].casefold()
        if word in (suffix, f"model{suffix}", f"response{suffix}", f"{stem}{suffix}"):
            return position
    if word in TIES:
        return None
    raise LensError(
        f"{what} is {value!r:.80}. It must name a side ({sides[0]!r} or {sides[1]!r}, or just "
        f"{sides[0][-1]!r} or {sides[1][-1]!r}) or a tie ('tie', 'same', 'draw'). Mend the label."
    )


def _from_lists(
    rows: list[Row], columns: dict[str, str], rule: str, report: FormReport
) -> list[Row]:
    name, beside = columns["responses"], columns.get("values")
    lists = [_as_list(row[name], f"{place}: `{name}`") for place, row in rows]
    sample = next((item for items in lists for item in items), None)
    keys = sample if isinstance(sample, dict) else {}
    text, inside = _first(TEXTS, keys), _first(("rank", *RATINGS), keys)
    if not (beside or inside) or (keys and not text):
        raise LensError(
            f"{rows[0][0]}: each response in `{name}` needs a text ({', '.join(TEXTS)}) and a "
            f"rating ({', '.join(('rank', *RATINGS))}), or the ratings stand in a list beside "
            f"them ({', '.join(RANK_LISTS + RATING_LISTS)}); found {sorted(keys) or sample!r:.80}."
        )
    by = beside or inside
    ranked = by in (*RANK_LISTS, "rank")
    report.form = "ranking" if ranked else "ratings"
    report.description = (
        f"`{name}`{f' (their `{text}`)' if text else ''} are compared by `{by}`, "
        f"{'1 is best' if ranked else 'higher is better'}: {RULES[rule]}"
    )
    pairs = []
    for (place, row), items in zip(rows, lists, strict=True):
        what = f"{place}: `{by}`"
        given = _as_list(row[beside], what) if beside else [_field(x, inside) for x in items]
        if len(given) != len(items):
            raise LensError(f"{what} has {len(given)} values for {len(items)} responses.")
        values = [_number(value, what) for value in given]
        if ranked and any(value is not None and value < 1 for value in values):
            raise LensError(f"{what} is {given!r:.80}: ranks start at 1, the best. Mend the ranks.")
        worths = [-value if ranked and value is not None else value for value in values]
        texts = [_field(item, text) for item in items]
        for i, j in _compare_and_count(worths, rule, report):
            pair = _pair(row, columns, texts[i], texts[j])
            pair["id"] = f"{row_id(place, row)}-{i + 1}-{j + 1}"
            pairs.append((f"{place}, responses {i + 1} over {j + 1}", pair))
    return pairs


def _from_rated_rows(
    rows: list[Row], columns: dict[str, str], rule: str, report: FormReport
) -> list[Row]:
    text, rating, prompt = columns["response"], columns["rating"], columns["prompt"]
    report.description = (
        f"rows of the same `{prompt}` have their `{text}` compared by `{rating}`, higher is "
        f"better: {RULES[rule]}"
    )
    groups: dict[str, list[Row]] = {}
    for place, row in rows:
        groups.setdefault(json.dumps(row[prompt], default=str), []).append((place, row))
    pairs = []
    for group in groups.values():
        values = [_number(row[rating], f"{place}: `{rating}`") for place, row in group]
        for i, j in _compare_and_count(values, rule, report):
            (place, row), (other_place, other) = group[i], group[j]
            pair = _pair(row, columns, row[text], other[text])
            # Not the rows' ids: those may be the prompt's, the same for all its responses.
            pair["id"] = f"{row_number(place)}-{row_number(other_place)}"
            pairs.append((f"{place} over row {row_number(other_place)}", pair))
    return pairs


def _compare_and_count(values: list, rule: str, report: FormReport) -> list[tuple[int, int]]:
    pairs, ties = compare(values, rule)
    report.responses += len(values)
    report.unrated += values.count(None)
    report.ties += ties
    report.prompts_without_pair += not pairs
    return pairs


def compare(values: list[float | None], rule: str) -> tuple[list[tuple[int, int]], int]:
    """(positions (better, worse) of one prompt's pairs, ties); higher is better, None left out.

    "all" pairs every two that differ (InstructGPT's rule), "adjacent" those of them that are
    neighbours among the distinct values, "best_worst" the first highest with the first lowest.
    """
    rated = {i: value for i, value in enumerate(values) if value is not None}
    if rule == "best_worst" and len(rated) > 1:
        best, worst = max(rated, key=rated.__getitem__), min(rated, key=rated.__getitem__)
        return ([], 1) if rated[best] == rated[worst] else ([(best, worst)], 0)
    pairs = [(i, j) for i in rated for j in rated if rated[i] > rated[j]]
    ties = math.comb(len(rated), 2) - len(pairs)
    if rule == "adjacent":
        steps = set(pairwise(sorted(set(rated.values()))))
        pairs = [(i, j) for i, j in pairs if (rated[j], rated[i]) in steps]
    return pairs, ties


def _pair(row: dict, columns: dict[str, str], chosen: object, rejected: object) -> dict:
    pair = {"id": row["id"]} if "id" in row else {}
    if "prompt" in columns and not (_is_whole(chosen) and _is_whole(rejected)):
        pair["prompt"] = row[columns["prompt"]]
    return pair | {"chosen": chosen, "rejected": rejected}


def _is_whole(value: object) -> bool:
    """Whether a side is a whole conversation, so that a prompt column only repeats its start."""
    if isinstance(value, str):
        return value.startswith("\n\nHuman:")
    opening = value[0] if isinstance(value, list) and len(value) > 1 else None
    return isinstance(opening, dict) and opening.get("role") in ("system", "user")


def _about_prompt(columns: dict[str, str], pair: dict) -> str:
    if "prompt" in pair:
        return f"the prompt is `{columns['prompt']}`"
    return "the prompt is what both sides begin with"


def _field(item: object, name: str | None) -> object:
    return item.get(name) if isinstance(item, dict) and name else item


def _as_list(value: object, what: str) -> list:
    """A list, or JSON text of one (as CSV files hold it), or an array (as data frames do)."""
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except ValueError as error:
            raise LensError(f"{what} must be a list; as text it is no JSON ({error}).") from error
    if isinstance(value, np.ndarray | tuple):
        value = list(value)
    if not isinstance(value, list):
        raise LensError(f"{what} must be a list, not {type(value).__name__}.")
    return value


def _number(value: Any, what: str) -> float | None:
    """A rating as a number (true is 1, false 0), None where there is none; NaN is none."""
    if isinstance(value, str):
        word = value.strip().casefold()
        value = {"true": 1, "false": 0}.get(word, None if word in UNRATED else value)
    try:
        number = math.nan if value is None else float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise LensError(
            f"{what} is {value!r:.80}, not a number such as 4.5. Mend it, or leave it empty."
        ) from error
    if math.isinf(number):
        raise LensError(f"{what} is infinite. Mend it, or leave it empty.")
    return None if math.isnan(number) else number
