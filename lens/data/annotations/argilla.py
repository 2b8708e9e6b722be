"""Exports of Argilla 1 and 2, nested or flat, as rows that `judgements` reads.

A record's fields become columns, and so does each question with what annotators submitted.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

from lens.core.errors import LensError
from lens.data.annotations.answers import as_list, as_object, is_scalar
from lens.data.annotations.questions import Judgement, Question
from lens.data.sources import Row
from lens.data.texts.cells import parse_json

SUBMITTED = (None, "", "submitted")  # nested records of version 2 do not say
ABOUT_RECORD = {"id", "external_id", "metadata", "vectors", "status", "_server_id", "record_id"}
SUGGESTION = re.compile(r"(.+)[-.]suggestion(?:[-.](?:metadata|score|agent|type))?")
RESPONSES = re.compile(r"(.+)\.responses(?:\.(?:users|status))?")


def opened(rows: list[Row]) -> list[Row] | None:
    """One row for each record of an export, or None if the rows are none.

    LensError where it is an export in which nobody has answered anything.
    """
    read = _reader(rows)
    if read is None:
        return None
    records = [(where, *read(row, where)) for where, row in rows]
    names = list(dict.fromkeys(name for _, _, judgements, _ in records for name in judgements))
    if not any(judgements for _, _, judgements, _ in records):
        raise LensError(
            f"{rows[0][0]} and on: an Argilla export of {len(rows)} records, and none has a "
            "submitted response or a suggestion. Annotate records first, or export those that are."
        )
    for name in names:
        _mark_sets([one for _, _, judgements, _ in records for one in judgements.get(name, [])])
    return [
        (where, fields | {name: Question(judgements.get(name, []), left_out) for name in names})
        for where, fields, judgements, left_out in records
    ]


def _mark_sets(judgements: list[Judgement]) -> None:
    """Lists of options as sets where they differ in length: a ranking holds all options."""
    lists = [one for one in judgements if isinstance(one.value, list)]
    lengths = {len(as_list(one.value)) for one in lists}
    if len(lengths) > 1 or 1 in lengths:
        for one in lists:
            one.value = frozenset(map(str, as_list(one.value)))


def _reader(rows: list[Row]) -> Callable | None:
    """What reads a record of these rows, by how they are laid out; None if it is no export."""
    first = rows[0][1]
    if isinstance(first.get("fields"), dict) and {"responses", "suggestions"} & set(first):
        return _nested
    if "_server_id" in first and any(re.search(r"\.(responses|suggestion)$", n) for n in first):
        return _flat_2
    columns = {name for _, row in rows for name, value in row.items() if _is_responses(value)}
    suggested = {m[1] for name in first if (m := re.fullmatch(r"(.+)-suggestion", str(name)))}
    questions = columns | (suggested & set(first))
    return partial(_flat_1, questions=questions) if questions else None


def _is_responses(value: object) -> bool:
    """Whether a cell holds responses as version 1 does: objects with `user_id` and `value`."""
    value = _parsed(value)
    items = value if isinstance(value, list) else [value]
    return bool(items) and all(
        isinstance(item, dict) and "value" in item and {"user_id", "status"} & set(item)
        for item in items
    )


def _parsed(value: object) -> object:
    """Lists and objects that a cell holds as JSON."""
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        try:
            return parse_json(value)
        except ValueError:
            return value
    return value


def _nested(record: dict, where: str) -> tuple[dict, dict, Counter]:
    """A record with `fields`, `responses` and `suggestions`, as both versions write them."""
    if not isinstance(record.get("fields"), dict):
        raise LensError(f"{where}: an Argilla record needs an object `fields`.")
    responses, suggestions = record.get("responses"), record.get("suggestions")
    submitted = [
        (name, one) for name, cell in as_object(responses).items() for one in _objects(cell)
    ]
    for response in filter(None, map(as_object, as_list(responses))):
        about = {name: response.get(name) for name in ("user_id", "status")}
        values = as_object(response.get("values"))
        submitted += [(name, about | as_object(value)) for name, value in values.items()]
        submitted += [] if values else [(None, about)]  # discarded without an answer
    values = {name: as_object(one).get("value") for name, one in as_object(suggestions).items()}
    for one in map(as_object, as_list(suggestions)):
        values[str(one.get("question_name"))] = one.get("value")
    return _record(record, record["fields"], submitted, values)


def _flat_1(row: dict, where: str, questions: set[str]) -> tuple[dict, dict, Counter]:
    """A row of the `datasets` form of version 1."""
    submitted = [
        (name, response) for name in sorted(questions) for response in _objects(row.get(name))
    ]
    values = {name: _parsed(row.get(f"{name}-suggestion")) for name in questions}
    return _record(row, _fields(row, questions), submitted, values)


def _flat_2(row: dict, where: str) -> tuple[dict, dict, Counter]:
    """A row of the flat form of version 2: a column for values, users and statuses each."""
    questions = [m[1] for name in row if (m := re.fullmatch(r"(.+)\.responses", str(name)))]
    suggested = [m[1] for name in row if (m := re.fullmatch(r"(.+)\.suggestion", str(name)))]
    submitted = []
    for name in questions:
        values = as_list(_parsed(row[f"{name}.responses"]))
        users = as_list(_parsed(row.get(f"{name}.responses.users"))) or [None] * len(values)
        status = as_list(_parsed(row.get(f"{name}.responses.status"))) or [None] * len(values)
        if not len(values) == len(users) == len(status):
            raise LensError(
                f"{where}: `{name}.responses` has {len(values)} values for {len(users)} users."
            )
        triples = zip(values, users, status, strict=True)
        submitted += [(name, {"value": v, "user_id": u, "status": s}) for v, u, s in triples]
    guesses = {name: _parsed(row[f"{name}.suggestion"]) for name in suggested}
    return _record(row, _fields(row, set()), submitted, guesses)


def _fields(row: dict, questions: set[str]) -> dict:
    return {
        name: value
        for name, value in row.items()
        if name not in questions | ABOUT_RECORD
        and not SUGGESTION.fullmatch(str(name))
        and not RESPONSES.fullmatch(str(name))
    }


def _objects(cell: object) -> list[dict]:
    """Responses as a list of objects; `datasets` makes an object of lists of them."""
    cell = _parsed(cell)
    if isinstance(cell, dict):
        lists = {name: values for name, values in cell.items() if isinstance(values, list)}
        rows = zip(*lists.values(), strict=False)
        return [dict(zip(lists, row, strict=True)) for row in rows]
    return [item for item in as_list(cell) if isinstance(item, dict)]


def _record(
    row: dict, fields: dict, submitted: Iterable[tuple[str | None, dict]], suggestions: dict
) -> tuple[dict, dict[str, list[Judgement]], Counter]:
    """(fields with an id, {question: what was submitted}, what was left out): a suggestion counts
    only where nobody has looked at the record."""
    judgements: dict[str, list[Judgement]] = {}
    left_out: dict[str, set] = {"discarded": set(), "drafts": set()}
    looked_at = False
    for position, (name, response) in enumerate(submitted):
        looked_at = True
        user, status = response.get("user_id"), response.get("status")
        user = str(user) if is_scalar(user) and user != "" else None
        if status not in SUBMITTED:
            kind = "drafts" if status == "draft" else "discarded"
            left_out[kind].add(position if user is None else user)
        elif name is not None and response.get("value") is not None:
            judgements.setdefault(str(name), []).append(Judgement(user, _value(response["value"])))
    counts = Counter({kind: len(users) for kind, users in left_out.items()})
    if not looked_at:
        judgements = {
            name: [Judgement(None, _value(v))] for name, v in suggestions.items() if v is not None
        }
        counts["rows judged by a model alone"] = bool(judgements)
    key = row.get("external_id") or row.get("id")
    return ({"id": key} if key else {}) | fields, judgements, +counts


def _value(value: object) -> object:
    """A response's value; a ranking as an object {option: rank}, or as a list, best first."""
    value = _parsed(value)
    if isinstance(value, dict):
        names, ranks = as_list(value.get("value")), as_list(value.get("rank"))
        return dict(zip(map(str, names), ranks, strict=False))
    if not isinstance(value, list):
        return value
    if all(isinstance(item, dict) and "value" in item for item in value):
        order = {str(item["value"]): item.get("rank") for item in value}
        return list(order) if all(rank is None for rank in order.values()) else order
    return [item for item in value if is_scalar(item)]
