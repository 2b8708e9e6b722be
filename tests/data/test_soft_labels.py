"""From votes, strengths and ties to labels, and the tables that hold them."""

import json
from functools import partial

import pandas as pd
import pytest

from lens.advice.preferences import read_pairs, summary
from lens.core.errors import LensError
from lens.data.beware import first_answer_wins, pair_flags, wilson
from lens.data.check import check_data, render
from lens.data.soft_labels import label_of, settled
from lens.files import artifacts

GOOD, BAD = "Dry it well.", "No idea."


def task(number, *sides):
    """A Label Studio task whose second answer is the good one, with an annotator for each side."""
    annotations = [
        {"completed_by": by, "result": [{"from_name": "pw", "value": {"selected": side}}]}
        for by, side in enumerate(sides)
    ]
    data = {"prompt": f"What now? {number}", "answer1": BAD, "answer2": GOOD}
    return {"id": number, "annotations": annotations, "data": data}


TASKS = [
    task(0, "right", "right", "right", "left"),
    task(1, "right", "left"),
    task(2, "left"),
    task(3, "right", "left", "left"),
]


@pytest.mark.parametrize(
    ("pair", "label"),
    [
        ({}, 1.0),
        ({"tie": True}, 0.5),
        ({"votes_for": 3, "votes_against": 1}, 0.75),
        ({"votes_for": 2, "votes_against": 1, "votes_tied": 1}, 0.625),
        ({"votes_for": 0, "votes_against": 0}, 1.0),
        ({"strength": 1, "scale": 3}, 0.5 + 1 / 6),
        ({"strength": -3, "scale": 3}, 1.0),
        ({"strength": 0, "scale": 3, "votes_for": 1}, 0.5),
        ({"strength": 2.0}, 0.75),
    ],
)
def test_the_rule(pair, label):
    assert label_of(pair, most=4.0) == pytest.approx(label)


def test_a_strength_beyond_its_scale_is_refused():
    with pytest.raises(LensError, match="a strength of 4 on a scale up to 3"):
        label_of({"strength": 4, "scale": 3})
    with pytest.raises(LensError, match="use one of"):
        settled([], "softish")


def test_hard_labels_leave_the_table_as_it_was():
    """Sign alone, ties dropped and counted; no column but the side is new."""
    found = read_pairs(TASKS)
    assert list(found.table) == ["id", "prompt", "chosen", "rejected", "group", "side"]
    assert list(found.table["chosen"]) == [GOOD, BAD, BAD]
    assert found.report["form"]["ties"] == 1
    assert "labels" not in found.report
    assert "left out: 1 ties" in summary(found)


def test_soft_labels_keep_ties_and_say_how_sure():
    found = read_pairs(TASKS, labels="soft")
    assert list(found.table["label"]) == pytest.approx([0.75, 0.5, 1, 2 / 3])
    assert list(found.table["id"]) == list("0123")
    assert list(found.table["side"]) == ["second", "first", "first", "first"]
    assert found.report["labels"] == "soft"
    assert found.report["label_counts"] == {"pairs": 4, "graded": 3, "ties": 1}
    assert "left out: none" in summary(found)


def test_scores_of_the_sides_are_strengths_up_to_the_largest():
    rows = [
        {"prompt": f"p{n}", "chosen": GOOD, "rejected": BAD, "score_chosen": s, "score_rejected": 1}
        for n, s in enumerate([9, 5, 1])
    ]
    assert list(read_pairs(rows, labels="soft").table["label"]) == [1.0, 0.75, 0.5]
    assert len(read_pairs(rows)) == 2


def test_labels_of_a_column_are_ones_where_nothing_grades_them():
    rows = [{"prompt": "p", "response_a": GOOD, "response_b": BAD, "winner": "a"}] * 2
    rows.append({"prompt": "q", "response_a": BAD, "response_b": GOOD, "winner": "tie"})
    found = read_pairs(rows, labels="soft")
    assert list(found.table["label"]) == [1, 1, 0.5]
    plain = read_pairs([{"prompt": "p", "chosen": GOOD, "rejected": BAD}], labels="soft")
    assert list(plain.table["label"]) == [1]
    assert "label_counts" not in plain.report


def test_check_says_what_soft_labels_would_bring():
    rows = [(f"f, row {number}", row) for number, row in enumerate(TASKS, 1)]
    check = check_data(rows)
    assert check.labels == {"pairs": 4, "graded": 3, "ties": 1}
    text = render(check)
    assert "soft labels  3 of 4 below 1, 1 ties (--labels soft trains on them)" in text
    assert "judgements   4 annotators, 10 votes" in text
    soft = check_data(rows, labels="soft")
    assert (check.pairs, soft.pairs) == (3, 4)
    assert ("1 ties dropped" in text, "1 ties kept" in render(soft)) == (True, True)
    json.dumps(check.as_dict())


def test_the_side_that_wins_has_an_interval():
    assert wilson(50, 100).low == pytest.approx(0.4038, abs=1e-4)
    assert wilson(50, 100).high == pytest.approx(0.5962, abs=1e-4)
    table = pd.DataFrame({"side": ["first"] * 30 + ["second"] * 10 + [None]})
    side = first_answer_wins(table)
    assert (side.share, side.count) == (0.75, 40)
    assert str(side) == "75% of 40 pairs [60%, 86%]"
    labels = [1.0] * 20 + [0.5] * 10 + [0.7] * 10 + [1.0]
    assert first_answer_wins(table.assign(label=labels)).share == pytest.approx(2 / 3)
    assert first_answer_wins(pd.DataFrame({"id": [1]})) is None


def sided(first, second):
    rows = []
    for number in range(first + second):
        good, bad = ("a", "b") if number < first else ("b", "a")
        texts = {f"response_{good}": f"{GOOD}{number:02}", f"response_{bad}": f"{BAD}{number:06}"}
        rows.append({"prompt": f"{number:02}", "winner": good} | texts)
    return rows


def test_a_side_that_wins_too_often_is_warned_of_and_flagged():
    rows = [(f"f, row {number}", row) for number, row in enumerate(sided(30, 10), 1)]
    [warning] = [w for w in check_data(rows).as_dict()["warnings"] if "first answer" in w]
    assert warning.startswith("The first answer wins in 75% of 40 pairs [60%, 86%]")
    assert ("side_decides", "the first answer wins in 75% of 40 pairs [60%, 86%]") in pair_flags(
        read_pairs(sided(30, 10)).table
    )
    assert pair_flags(read_pairs(sided(20, 20)).table) == []


def test_what_check_warns_of_is_flagged():
    same = {"prompt": "What shall I do with a wet kayak in the winter?", "chosen": GOOD * 9}
    rows = [same | {"rejected": BAD}] * 2
    rows.append({"prompt": same["prompt"], "chosen": BAD, "rejected": GOOD * 9})
    rows.append(same | {"prompt": same["prompt"] + "!", "rejected": BAD})
    flags = dict(pair_flags(read_pairs(rows).table))
    assert flags["contradicting_pairs"] == "3 of 4 pairs"
    assert flags["repeated_pairs"] == "1 of 4 pairs"
    assert flags["near_duplicates_in_data"].startswith("1 of 2 prompts, Jaccard 0.8")
    assert flags["length_decides"] == "the longer answer wins in 75% of the pairs"


@pytest.mark.slow
def test_prepare_pairs_keeps_labels_and_sides(tmp_path, lens):
    source = tmp_path / "export.json"
    source.write_text(
        json.dumps([task(n, "right", "left", "right") for n in range(8)] + [TASKS[1] | {"id": 9}])
    )
    run = partial(
        lens, "prepare-pairs", "--path", source, "--out-prompts", tmp_path / "prompts.parquet"
    )
    for labels in ("hard", "soft"):
        out = ["--out", tmp_path / f"{labels}.parquet", "--report", tmp_path / "report.json"]
        run("--labels", labels, *out)
    hard, soft = (artifacts.read_table(tmp_path / f"{n}.parquet") for n in ("hard", "soft"))
    assert list(hard) == ["id", "prompt", "chosen", "rejected", "group", "split", "side"]
    assert list(soft) == [*hard, "label"]
    assert set(soft["label"]) <= {2 / 3, 0.5}
    assert set(soft.loc[soft["split"] == "test", "label"]) == {2 / 3}
    assert len(hard) == 8


@pytest.mark.parametrize(
    ("values", "columns", "labels"),
    [
        ([-3, 1, 0, 2], {"preference_strength": "how"}, [1, 2 / 3, 0.5, 5 / 6]),
        ([0.9, 0.2, 0.5], {"first_share": "how"}, [0.9, 0.8, 0.5]),
        (
            ["A is much better", "B is slightly better", "A is better", "tie"],
            {"winner": "how"},
            [1, 2 / 3, 5 / 6, 0.5],
        ),
        (["A>>B", "B>A", "A=B"], {"winner": "how"}, [1, 0.75, 0.5]),
        (["a", "b", "tie"], {"winner": "how"}, [1, 1, 0.5]),
    ],
)
def test_labels_of_a_column_by_their_kind(values, columns, labels):
    rows = [
        {"prompt": f"p{n}", "response_a": GOOD, "response_b": BAD, "how": value}
        for n, value in enumerate(values)
    ]
    found = read_pairs(rows, columns=columns, labels="soft").table
    assert list(found["label"]) == pytest.approx(labels)
    assert len(read_pairs(rows, columns=columns)) == sum(label != 0.5 for label in labels)
    assert "label" not in read_pairs(rows, columns=columns).table


def test_ratings_are_steps_up_to_the_largest_and_ranks_are_none():
    row = {"prompt": "p", "responses": ["aa", "bb", "cc", "dd"], "ratings": [5, 1, 3, 3]}
    found = read_pairs([row], labels="soft").table.set_index("id")["label"]
    assert found.to_dict() == pytest.approx(
        {"1-1-2": 1, "1-1-3": 0.75, "1-1-4": 0.75, "1-3-2": 0.75, "1-4-2": 0.75, "1-3-4": 0.5}
    )
    ranked = row | {"ranks": [1, 3, 2, 2]}
    del ranked["ratings"]
    labels = read_pairs([ranked], labels="soft").table["label"]
    assert sorted(labels) == [0.5, 1, 1, 1, 1, 1]
    assert len(read_pairs([ranked])) == len(read_pairs([row])) == 5
