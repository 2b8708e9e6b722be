"""Scores that length alone cannot win, worked out here."""

import json

import numpy as np
import pytest

from lens.data.sources import read_rows
from lens.evaluation.rewardbench import evaluate


def rows(folder, pairs, version=1):
    """A row for each (chosen, rejected)."""
    lines = [
        {"id": str(i), "prompt": "q", "subset": "alpacaeval-easy", "chosen": one, "rejected": other}
        for i, (one, other) in enumerate(pairs)
    ]
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return read_rows(path)


def by_length(prompts, responses):
    return np.array([len(response) for response in responses], float)


def test_length_alone_is_a_coin(tmp_path):
    """Three right answers are longer, one is shorter, and one is as long."""
    pairs = [("long", "x")] * 3 + [("x", "long"), ("ab", "cd")]
    found = evaluate(rows(tmp_path, pairs), by_length, 1)
    assert found["sections"]["Chat"]["score"] == pytest.approx(3 / 5)
    matched = found["length_matched"]
    assert matched["sections"] == {"Chat": 0.5}
    assert matched["subsets"] == {"alpacaeval-easy": 0.5}
    assert matched["overall"] is None  # other sections are missing
    shorter = evaluate(rows(tmp_path, pairs), lambda p, r: -by_length(p, r), 1)
    assert shorter["length_matched"]["sections"] == {"Chat": 0.5}


def test_who_knows_the_right_answers_gets_all_and_ties_are_half(tmp_path):
    pairs = [("right and long", "x"), ("right", "wrong and long"), ("right", "very wrong")]
    found = evaluate(
        rows(tmp_path, pairs), lambda p, r: np.array(["right" in one for one in r], float), 1
    )
    assert found["length_matched"]["sections"] == {"Chat": 1.0}
    ties = evaluate(rows(tmp_path, pairs), lambda p, r: np.zeros(len(r)), 1)
    assert ties["length_matched"]["sections"] == {"Chat": 0.5}
    longer = evaluate(rows(tmp_path, pairs[:1]), by_length, 1)
    assert longer["length_matched"]["sections"] == {"Chat": None}  # no right answer is shorter
