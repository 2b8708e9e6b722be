"""Prodigy's choices among options, and its comparisons of two answers, as rows that `judgements`
reads."""

import json
from collections import Counter

from lens.core.errors import LensError
from lens.data.annotations.answers import as_list, as_object
from lens.data.annotations.questions import Judgement, Question
from lens.data.sources import Row

QUESTION = "answer"  # the column in which annotators accept, reject or ignore a task
ABOUT_TASK = {"accept", "reject", "mapping", "options", QUESTION, "config", "style"}
BODIES = ("text", "html", "content", "label")


def opened(rows: list[Row]) -> list[Row] | None:
    """One row for each task, or None if the rows are no tasks of these kinds.

    LensError where nobody has accepted or chosen anything.
    """
    read = _compared if _is_comparison(rows[0][1]) else _chosen
    tasks_read = [read(row) if QUESTION in row else None for _, row in rows]
    if None in tasks_read:
        return None
    if not any(task and task[1] for task in tasks_read):
        raise LensError(
            f"{rows[0][0]} and on: {len(rows)} Prodigy tasks, and no answer was chosen in any. "
            "Export accepted tasks."
        )
    tasks: dict[str, list[Row]] = {}
    for place, row in rows:
        key = {n: v for n, v in row.items() if n[:1] != "_" and n not in ("accept", QUESTION)}
        key |= {"accept": row["accept"]} if _is_comparison(row) else {}
        tasks.setdefault(json.dumps(key, sort_keys=True, default=str), []).append((place, row))
    return [(task[0][0], _task([row for _, row in task])) for task in tasks.values()]


def _task(rows: list[dict]) -> dict:
    """A task's texts, with what each annotator said of it."""
    read = _compared if _is_comparison(rows[0]) else _chosen
    judgements, left_out = [], Counter[str]()
    for row in rows:
        value = (read(row) or ({}, None))[1]
        if value is None:
            left_out["skipped"] += 1
        else:
            annotator = row.get("_annotator_id") or row.get("_session_id")
            judgements.append(Judgement(str(annotator) if annotator else None, value))
    texts = {name: v for name, v in rows[0].items() if name not in ABOUT_TASK and name[:1] != "_"}
    if isinstance(texts.get("input"), dict):
        texts["input"] = _text(texts["input"])
    texts = {"prompt" if name == "text" else name: value for name, value in texts.items()}
    answers, _ = read(rows[0]) or ({}, None)
    return texts | answers | {QUESTION: Question(judgements, +left_out)}


def _is_comparison(row: dict) -> bool:
    return all(isinstance(row.get(name), dict) for name in ("accept", "reject"))


def _chosen(row: dict) -> tuple[dict, object] | None:
    """(the options as columns, what was chosen of them) of a task with `options`; rejected and
    ignored tasks have no choice."""
    options = [as_object(option) for option in as_list(row.get("options"))]
    texts = {f"response_{n}": _text(option) for n, option in enumerate(options, 1)}
    if len(options) < 2 or None in texts.values():
        return None
    names = {str(option.get("id", n)): f"response_{n}" for n, option in enumerate(options, 1)}
    accepted = [names.get(str(key)) for key in as_list(row.get("accept"))]
    if row[QUESTION] != "accept" or not accepted or None in accepted:
        return texts, None
    return texts, accepted[0] if len(accepted) == 1 else frozenset(map(str, accepted))


def _compared(row: dict) -> tuple[dict, object] | None:
    """(the two answers, the better one) of a comparison: what is shown to be accepted is the better
    answer where the annotator accepts it, else the other."""
    texts = {f"response_{n}": _text(row[name]) for n, name in ((1, "accept"), (2, "reject"))}
    better = {"accept": "response_1", "reject": "response_2"}.get(str(row[QUESTION]))
    return None if None in texts.values() else (texts, better)


def _text(option: dict) -> str | None:
    return next((str(option[name]) for name in BODIES if option.get(name)), None)
