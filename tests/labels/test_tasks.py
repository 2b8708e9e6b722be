"""From unlabelled rows to tasks, and from what tools make of these back to pairs."""

import json

import pandas as pd
import pytest

from lens.core.errors import LensError
from lens.data.forms import to_pairs
from lens.data.pairs import normalise_pairs
from lens.data.sources import read_rows
from lens.labels import tasks
from lens.labels.pool import read_pool

TURNS = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "What now?"},
]
SYSTEM = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Human: x"}]
ROWS = [
    {"id": "one", "prompt": "What now?", "candidates": ["a", "b", "c"]},
    {"id": "two", "prompt": TURNS, "candidates": ["d", "e", "e"]},
    {"id": "six", "prompt": SYSTEM, "candidates": ['f, "f"', "g\ng", "h"]},
]


def places(rows):
    return [(f"f, row {number}", row) for number, row in enumerate(rows, 1)]


def preferred(task):
    """The answer that comes first in the alphabet."""
    return min(("response_a", "response_b"), key=task.__getitem__)


def labelstudio(path):
    given = json.loads(path.read_text())
    for number, task in enumerate(given):
        said = {"choices": [preferred(task["data"])]}
        result = {"from_name": "preference", "to_name": "prompt", "type": "choices", "value": said}
        annotation = {"completed_by": 7, "was_cancelled": False, "result": [result]}
        task |= {"id": 100 + number, "annotations": [annotation], "predictions": []}
    export = path.with_name("export.json")
    export.write_text(json.dumps(given))
    return export


def argilla(path):
    """As `dataset.records.to_json` has it."""
    records = []
    for number, task in enumerate(json.loads(path.read_text())):
        fields = {name: task[name] for name in ("prompt", "response_a", "response_b")}
        said = {"preference": [{"value": preferred(task), "user_id": "u7"}]}
        about = {"metadata": {}, "suggestions": {}, "vectors": {}, "_server_id": f"s{number}"}
        records.append({"id": task["id"], "fields": fields, "responses": said, **about})
    export = path.with_name("export.json")
    export.write_text(json.dumps(records))
    return export


def filled(path):
    table = pd.read_csv(path, keep_default_na=False)
    table["winner"] = [preferred(task)[-1] for task in table.to_dict("records")]
    export = path.with_name("export.csv")
    table.to_csv(export, index=False)
    return export


def given(path):
    """The JSON lines with `winner` added."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    export = path.with_name("export.jsonl")
    export.write_text("".join(json.dumps(r | {"winner": preferred(r)}) + "\n" for r in rows))
    return export


SETUP = {"labelstudio": ["batch.config.xml"], "argilla": ["batch.argilla.py"]}
ANNOTATE = {"jsonl": given, "labelstudio": labelstudio, "argilla": argilla, "csv": filled}


@pytest.mark.parametrize("form", tasks.FORMATS)
def test_what_goes_out_comes_back(form, tmp_path):
    """Prompts with their turns, answers and ids are the same; annotators are known by the tools."""
    pool = read_pool(places(ROWS))
    made = tasks.tasks(pool.pairs)
    end = "json" if form in SETUP else form
    path, *beside = tasks.write(tmp_path / f"batch.{end}", made, form)
    assert [file.name for file in beside] == SETUP.get(form, [])
    read, _ = to_pairs(read_rows(ANNOTATE[form](path)))
    table, _ = normalise_pairs(read)
    assert list(table["id"]) == list(pool.pairs["id"])
    assert list(table["prompt"]) == list(pool.pairs["prompt"])
    for pair, known in zip(table.itertuples(), pool.pairs.itertuples(), strict=True):
        assert [pair.chosen, pair.rejected] == sorted([known.first, known.second])
    if form in SETUP:
        assert {tuple(pair["annotators_for"]) for _, pair in read} in ({("7",)}, {("u7",)})


def test_candidates_make_every_pair_that_differs():
    pool = read_pool(places(ROWS))
    assert list(pool.pairs["id"][:5]) == ["one-1-2", "one-1-3", "one-2-3", "two-1-2", "six-1-2"]
    assert pool.left_out == {"repeated": 1, "with two equal answers": 1}
    embedded = pool.texts[["row", "candidate"]].to_numpy()
    for pair, (one, other) in zip(pool.pairs.itertuples(), pool.sides(embedded), strict=True):
        answers = ROWS[one[0]]["candidates"]
        assert (pair.first, pair.second) == (answers[one[1]], answers[other[1]])


def test_labelled_pairs_are_left_out():
    labelled, _ = normalise_pairs(places([{"prompt": "What now?", "chosen": "c", "rejected": "a"}]))
    pool = read_pool(places(ROWS), labelled=labelled)
    assert "one-1-3" not in set(pool.pairs["id"])
    assert pool.left_out["already labelled"] == 1
    with pytest.raises(LensError, match=r"no pair of 1 rows is left to label \(1 already labelled"):
        read_pool(
            places([{"prompt": "What now?", "response_a": "a", "response_b": "c"}]),
            labelled=labelled,
        )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "p", "response": "a"}, "row 1: one answer"),
        ({"prompt": "p", "candidates": ["a"]}, "row 1: one answer"),
    ],
)
def test_rows_that_are_no_pool(row, message):
    with pytest.raises(LensError, match=message):
        read_pool(places([row]))


def test_sides_are_exchanged_in_about_half():
    pairs = pd.DataFrame(
        {"id": map(str, range(200)), "prompt": json.dumps(TURNS), "first": "a", "second": "b"}
    )
    turned = sum(task["response_a"] == "b" for task in tasks.tasks(pairs))
    assert 70 < turned < 130
