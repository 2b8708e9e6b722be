"""Exports of Label Studio (JSON, JSON-MIN, CSV, TSV) as rows that `judgements` reads.

A task's data become columns, and so does each control (Pairwise, Choices, Rating, Number, Ranker)
with what all annotators said in it. JSON holds one row for each task, the others one for each
annotation, which are put together by the task's id.
"""

import json
from collections import Counter
from itertools import chain

from lens.core.errors import LensError
from lens.data.annotations.answers import as_list, find_verdict, is_scalar
from lens.data.annotations.questions import PREFERRED, Question, Said
from lens.data.sources import Row
from lens.data.texts.cells import parse_json

ANNOTATIONS = ("annotations", "completions")  # the second until version 1.0
MEANT = ("selected", "choices", "rating", "number", "ranker")  # keys of a control's value
ABOUT_ANNOTATION = {
    "annotator",
    "annotation_id",
    "created_at",
    "updated_at",
    "lead_time",
    "agreement",
    "history",
}


def opened(rows: list[Row]) -> list[Row] | None:
    """One row for each task of an export, or None if the rows are none.

    LensError where it is an export in which nobody has judged anything.
    """
    first = rows[0][1]
    if isinstance(first.get("data"), dict) and any(name in first for name in ANNOTATIONS):
        return _from_tasks(rows)
    if "annotator" in first and not {"chosen", "rejected"} <= set(first):
        return _from_annotations(rows)
    return None


def _from_tasks(rows: list[Row]) -> list[Row]:
    tasks = [(place, task, _questions(task, place)) for place, task in rows]
    names = list(dict.fromkeys(chain.from_iterable(said for _, _, (said, _) in tasks)))
    if not names:
        raise LensError(
            f"{rows[0][0]} and on: a Label Studio export of {len(rows)} tasks, and none has a "
            "submitted annotation of a Pairwise, Choices, Rating, Number or Ranker control. Label "
            "tasks first, or export those that are labelled."
        )
    opened_rows = []
    for place, task, (said, left_out) in tasks:
        questions = {name: Question(said.get(name, []), left_out) for name in names}
        named = {"id": task["id"]} if "id" in task else {}
        opened_rows.append((place, named | task["data"] | questions))
    return opened_rows


def _questions(task: dict, place: str) -> tuple[dict[str, list[Said]], Counter]:
    """({control: what was said}, what was left out) of a task: the ground truth alone where there
    is one, and a prediction only where nobody has looked at the task."""
    given = next((task[name] for name in ANNOTATIONS if name in task), None) or []
    if not isinstance(given, list) or not isinstance(task.get("data"), dict):
        raise LensError(f"{place}: not a Label Studio task: `data` and a list `annotations`.")
    left_out = Counter(drafts=len(as_list(task.get("drafts"))))
    given = [each for each in given if isinstance(each, dict)]
    kept = [each for each in given if not (each.get("was_cancelled") or each.get("skipped"))]
    left_out["skipped"] = len(given) - len(kept)
    truth = [each for each in kept if each.get("ground_truth")]
    if truth:
        left_out["overruled by a ground truth"] = len(kept) - len(truth)
        kept = truth
    kept.sort(key=_when)
    if not given:
        kept = [each for each in as_list(task.get("predictions")) if isinstance(each, dict)][-1:]
        left_out["rows judged by a model alone"] = len(kept)
    said: dict[str, list[Said]] = {}
    for annotation in kept:
        for result in as_list(annotation.get("result")):
            if isinstance(result, dict) and _is_meant(result.get("value")):
                annotator = _annotator(annotation.get("completed_by"))
                answer = Said(annotator, _value(result["value"]), result.get("to_name"))
                told = said.setdefault(str(result.get("from_name")), [])
                told += [] if answer.value is None else [answer]
    return said, +left_out


def _when(annotation: dict) -> str:
    return str(annotation.get("updated_at") or annotation.get("created_at") or "")


def _annotator(given: object) -> str | None:
    if isinstance(given, dict):
        given = given.get("id", given.get("email"))
    return None if given in (None, "") else str(given)


def _is_meant(value: object) -> bool:
    return isinstance(value, dict) and any(name in value for name in MEANT)


def _value(value: dict) -> object:
    """What a control holds: "left", a choice or a set of them, a number, or a ranker's order."""
    kind = next(name for name in MEANT if name in value)
    found = value[kind]
    if kind == "ranker":
        return {str(key): n for n, key in enumerate(found)} if isinstance(found, list) else found
    if isinstance(found, list):
        found = frozenset(filter(is_scalar, found))
        return next(iter(found), None) if len(found) < 2 else found
    return None if found == "none" or not is_scalar(found) else found


def _from_annotations(rows: list[Row]) -> list[Row] | None:
    """Rows of JSON-MIN and CSV, one for each annotation, put together by task."""
    controls = _controls(rows)
    if not controls:
        return None
    tasks: dict[str, list[Row]] = {}
    for place, row in rows:
        data = {n: v for n, v in row.items() if n not in ABOUT_ANNOTATION | controls}
        has_id = data.get("id") not in (None, "")
        key = data["id"] if has_id else data
        tasks.setdefault(json.dumps(key, sort_keys=True, default=str), []).append((place, row))
    opened_rows = []
    for same in tasks.values():
        place, first = same[0]
        data = {n: v for n, v in first.items() if n not in ABOUT_ANNOTATION | controls}
        same.sort(
            key=lambda item: str(item[1].get("updated_at") or item[1].get("created_at") or "")
        )
        questions = {}
        for name in first:
            if name in controls:
                said = [Said(_annotator(row["annotator"]), _flat(row.get(name))) for _, row in same]
                given = [each for each in said if each.value is not None]
                questions[name] = Question(given, Counter())
        opened_rows.append((place, data | questions))
    return opened_rows


def _controls(rows: list[Row]) -> set[str]:
    """Columns that hold controls: a control's value in all rows that hold any, or a side's name."""
    found = set()
    for name in rows[0][1]:
        values = [row.get(name) for _, row in rows]
        values = [value for value in values if value not in (None, "", [])]
        if name in ABOUT_ANNOTATION or not values:
            continue
        parsed = [_parsed(value) for value in values]
        held = all(isinstance(value, list) and _is_meant(value[0]) for value in parsed)
        if held or all(_names_a_side(name, value, rows[0][1]) for value in parsed):
            found.add(name)
    return found


def _names_a_side(name: str, value: object, row: dict) -> bool:
    """Whether a cell says "left", "B", the name of a column; bare numbers where they may say so."""
    numbers = name.casefold() in PREFERRED
    return (isinstance(value, str) and value in row) or find_verdict(
        value, ["a", "b"], numbers=numbers
    ) is not None


def _parsed(value: object) -> object:
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        try:
            value = parse_json(value)
        except ValueError:
            return value
    return [value] if isinstance(value, dict) else value


def _flat(value: object) -> object:
    value = _parsed(value)
    if isinstance(value, list) and value and _is_meant(value[0]):
        return _value(value[0])
    return None if value in ("", []) else value
