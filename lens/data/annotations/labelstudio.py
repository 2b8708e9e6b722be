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
from lens.data.annotations.questions import PREFERRED, Judgement, Question
from lens.data.reading.unused import is_bookkeeping
from lens.data.sources import Row
from lens.data.texts.cells import is_number, parse_json

ANNOTATIONS = ("annotations", "completions")  # the second until version 1.0
VALUE_KEYS = ("selected", "choices", "rating", "number", "ranker")  # keys of a control's value
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
    tasks = [(where, task, _questions(task, where)) for where, task in rows]
    names = list(dict.fromkeys(chain.from_iterable(judgements for _, _, (judgements, _) in tasks)))
    if not names:
        raise LensError(
            f"{rows[0][0]} and on: a Label Studio export of {len(rows)} tasks, and none has a "
            "submitted annotation of a Pairwise, Choices, Rating, Number or Ranker control. Label "
            "tasks first, or export those that are labelled."
        )
    opened_rows = []
    for where, task, (judgements, left_out) in tasks:
        questions = {name: Question(judgements.get(name, []), left_out) for name in names}
        named = {"id": task["id"]} if "id" in task else {}
        opened_rows.append((where, named | task["data"] | questions))
    return opened_rows


def _questions(task: dict, where: str) -> tuple[dict[str, list[Judgement]], Counter]:
    """({control: what was said}, what was left out) of a task: the ground truth alone where there
    is one, and a prediction only where nobody has looked at the task."""
    annotations = next((task[name] for name in ANNOTATIONS if name in task), None) or []
    if not isinstance(annotations, list) or not isinstance(task.get("data"), dict):
        raise LensError(f"{where}: not a Label Studio task: `data` and a list `annotations`.")
    left_out = Counter(drafts=len(as_list(task.get("drafts"))))
    annotations = [annotation for annotation in annotations if isinstance(annotation, dict)]
    valid = [
        annotation
        for annotation in annotations
        if not (annotation.get("was_cancelled") or annotation.get("skipped"))
    ]
    left_out["skipped"] = len(annotations) - len(valid)
    truth = [annotation for annotation in valid if annotation.get("ground_truth")]
    if truth:
        left_out["overruled by a ground truth"] = len(valid) - len(truth)
        valid = truth
    valid.sort(key=lambda one: str(one.get("updated_at") or one.get("created_at") or ""))
    if not annotations:
        valid = [
            annotation
            for annotation in as_list(task.get("predictions"))
            if isinstance(annotation, dict)
        ][-1:]
        left_out["rows judged by a model alone"] = len(valid)
    judgements: dict[str, list[Judgement]] = {}
    for annotation in valid:
        for result in as_list(annotation.get("result")):
            if isinstance(result, dict) and _is_control_value(result.get("value")):
                annotator = _annotator(annotation.get("completed_by"))
                answer = Judgement(annotator, _value(result["value"]), result.get("to_name"))
                of_control = judgements.setdefault(str(result.get("from_name")), [])
                of_control += [] if answer.value is None else [answer]
    return judgements, +left_out


def _annotator(user: object) -> str | None:
    if isinstance(user, dict):
        user = user.get("id", user.get("email"))
    return None if user in (None, "") else str(user)


def _is_control_value(value: object) -> bool:
    return isinstance(value, dict) and any(name in value for name in VALUE_KEYS)


def _value(value: dict) -> object:
    """What a control holds: "left", a choice or a set of them, a number, or a ranker's order."""
    kind = next(name for name in VALUE_KEYS if name in value)
    held = value[kind]
    if kind == "ranker":
        return {str(key): n for n, key in enumerate(held)} if isinstance(held, list) else held
    if isinstance(held, list):
        held = frozenset(filter(is_scalar, held))
        return next(iter(held), None) if len(held) < 2 else held
    return None if held == "none" or not is_scalar(held) else held


def _from_annotations(rows: list[Row]) -> list[Row] | None:
    """Rows of JSON-MIN and CSV, one for each annotation, put together by task."""
    controls = _controls(rows)
    if not controls:
        return None
    tasks: dict[str, list[Row]] = {}
    for where, row in rows:
        data = {n: v for n, v in row.items() if n not in ABOUT_ANNOTATION | controls}
        has_id = data.get("id") not in (None, "")
        key = data["id"] if has_id else data
        tasks.setdefault(json.dumps(key, sort_keys=True, default=str), []).append((where, row))
    opened_rows = []
    for task_rows in tasks.values():
        where, first = task_rows[0]
        data = {n: v for n, v in first.items() if n not in ABOUT_ANNOTATION | controls}
        task_rows.sort(
            key=lambda item: str(item[1].get("updated_at") or item[1].get("created_at") or "")
        )
        questions = {}
        for name in first:
            if name in controls:
                judgements = [
                    Judgement(_annotator(row["annotator"]), _flat(row.get(name)))
                    for _, row in task_rows
                ]
                filled = [judgement for judgement in judgements if judgement.value is not None]
                questions[name] = Question(filled, Counter())
        opened_rows.append((where, data | questions))
    return opened_rows


def _controls(rows: list[Row]) -> set[str]:
    """Columns that hold controls: a control's value in all rows that hold any, a side's name, or,
    where tasks have several annotations, numbers."""
    ids = [row.get("id") for _, row in rows if row.get("id") not in (None, "")]
    several = len({*map(str, ids)}) < len(ids)
    controls = set()
    for name in rows[0][1]:
        values = [row.get(name) for _, row in rows]
        values = [value for value in values if value not in (None, "", [])]
        if name in ABOUT_ANNOTATION or not values:
            continue
        parsed = [_parsed(value) for value in values]
        are_values = all(
            isinstance(value, list) and _is_control_value(value[0]) for value in parsed
        )
        numbers = several and not is_bookkeeping(name) and all(map(is_number, values))
        if are_values or numbers or all(_names_a_side(name, v, rows[0][1]) for v in parsed):
            controls.add(name)
    return controls


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
    if isinstance(value, list) and value and _is_control_value(value[0]):
        return _value(value[0])
    return None if value in ("", []) else value
