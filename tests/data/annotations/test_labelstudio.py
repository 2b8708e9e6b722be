"""Exports of Label Studio: JSON, JSON-MIN and CSV of pairwise, choice, rating and ranking tasks."""

import csv
import json

import pytest

from lens.core.errors import LensError
from lens.data.forms import to_pairs
from lens.data.pairs import normalise_pairs
from lens.data.sources import read_rows
from tests.helpers.labelstudio_exports import BAD, GOOD, annotation, flat, picks, task


def places(rows):
    return [(f"f, row {number}", row) for number, row in enumerate(rows, 1)]


def read(*rows, columns=None, **options):
    return to_pairs(places(rows), columns=columns, **options)


def only(*rows, **options):
    [(_, pair)], report = read(*rows, **options)
    return pair, report


def test_pairwise_in_json():
    pair, report = only(task(picks("right")))
    assert pair == {
        "id": 1,
        "prompt": "What now? 1",
        "chosen": GOOD,
        "rejected": BAD,
        "side": "second",
        "votes_for": 1,
        "votes_against": 0,
        "votes_tied": 0,
        "annotators_for": ["1"],
        "annotators_against": [],
    }
    assert report.description == (
        "`pw` says which is better of `answer1`, `answer2`; the prompt is `prompt`"
    )
    assert report.judgements == {"annotators": 1, "votes": 1}
    assert not report.unread


@pytest.mark.parametrize("elements", ["answer2", "answer2,answer1", "txt-2,txt-1"])
def test_left_is_the_element_that_the_control_names_first(elements):
    pair, _ = only(task(picks("left", to=elements)))
    assert (pair["chosen"], pair["side"]) == (GOOD, "first")


def test_votes_are_kept_and_the_majority_decides():
    pair, report = only(task(picks("right"), picks("left", by=2), picks("right", by={"id": 7})))
    assert (pair["chosen"], pair["votes_for"], pair["votes_against"]) == (GOOD, 2, 1)
    assert (pair["annotators_for"], pair["annotators_against"]) == (["1", "7"], ["2"])
    assert report.judgements == {"annotators": 3, "votes": 3}


def test_even_votes_are_a_tie():
    pairs, report = read(task(picks("right"), picks("left", by=2)), task(picks("left"), number=2))
    assert (len(pairs), report.ties) == (1, 1)
    with pytest.raises(LensError, match="nobody prefers an answer"):
        read(task(picks("right"), picks("left", by=2)))


def test_what_is_no_vote_is_counted_and_left_out():
    """Skipped, empty and draft annotations, and the rest where a ground truth stands."""
    pairs, report = read(
        task(picks("right"), picks("left", by=2, was_cancelled=True)),
        task(picks("left", by=2, was_cancelled=True), number=2),
        task(number=3, drafts=[{"result": []}]),
        task(picks("left"), picks("left", by=2), picks("right", by=3, ground_truth=True), number=4),
        task({"id": 9, "completed_by": 2, "result": []}, number=5),
    )
    assert [pair["chosen"] for _, pair in pairs] == [GOOD, GOOD]
    assert report.judgements == {
        "annotators": 2,
        "votes": 2,
        "skipped": 2,
        "drafts": 1,
        "overruled by a ground truth": 2,
        "rows nobody judged": 3,
    }


def test_a_prediction_counts_only_where_nobody_looked():
    guess = {"result": picks("right")["result"], "model_version": "m", "score": 0.9}
    pairs, report = read(
        task(picks("right"), predictions=[guess]),
        task(number=2, predictions=[guess]),
        task(picks("left", was_cancelled=True), number=3, predictions=[guess]),
        task(number=4, predictions=[12]),
    )
    assert [pair["id"] for _, pair in pairs] == [1, 2]
    assert report.judgements["rows judged by a model alone"] == 1
    assert report.judgements["rows nobody judged"] == 2


def test_an_annotator_who_judges_twice_has_one_vote_the_last():
    first = picks("left", updated_at="2024-01-01T00:00:00Z")
    last = picks("right", updated_at="2024-02-01T00:00:00Z")
    pair, _ = only(task(last, first))
    assert (pair["chosen"], pair["votes_for"], pair["votes_against"]) == (GOOD, 1, 0)


def test_the_old_name_of_annotations():
    row = task()
    row["completions"] = [*row.pop("annotations"), picks("right") | {"skipped": False}]
    assert only(row)[0]["chosen"] == GOOD


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        ("answer2", GOOD),
        ("Answer 1", BAD),
        ("Response B", GOOD),
        ("B is better", GOOD),
        ("left", BAD),
        ("Model A", BAD),
        ("2", GOOD),
    ],
)
def test_choices_name_an_answer(choice, chosen):
    assert only(task(annotation({"choices": [choice]}, "choices")))[0]["chosen"] == chosen


def test_graded_choices_have_a_strength():
    choices = ["B is slightly better", "B is much better", "A is better", "Tie"]
    rows = [
        task(annotation({"choices": [choice]}, "choices"), number=number)
        for number, choice in enumerate(choices)
    ]
    pairs, report = read(*rows)
    assert [(p["chosen"], p["strength"], p["scale"]) for _, p in pairs] == [
        (GOOD, 1, 3),
        (GOOD, 3, 3),
        (BAD, 2, 3),
    ]
    assert report.ties == 1


def test_choices_without_grades_have_none():
    pair, _ = only(task(annotation({"choices": ["B is better"]}, "choices")))
    assert "strength" not in pair


def test_choices_that_name_no_answer_are_refused_with_what_was_said():
    with pytest.raises(LensError, match=r"`pw` says 'not A'.*python -c"):
        read(task(annotation({"choices": ["not A"]}, "choices")))


def test_a_rating_for_each_answer():
    def rated(by, one, two):
        both = annotation({"rating": one}, "rating", by=by, name="r1", to="answer1")
        both["result"] += annotation({"rating": two}, "rating", name="r2", to="answer2")["result"]
        return both

    pair, report = only(task(rated(1, 2, 4), rated(2, 3, 3), rated(3, 5, 1), rated(4, 1, 2)))
    assert (pair["chosen"], pair["side"]) == (GOOD, "second")
    assert [pair[f"votes_{way}"] for way in ("for", "against", "tied")] == [2, 1, 1]
    assert report.description.startswith("`r1`, `r2` rate `answer1`, `answer2`")


def test_a_single_rating_is_refused_unless_it_is_called_a_preference():
    row = task(annotation({"rating": 2}, "rating", name="stars", to="answer1,answer2"))
    with pytest.raises(LensError, match=r"--columns '\{\"preference\": \"stars\"\}'"):
        read(row)
    assert only(row, columns={"preference": "stars"})[0]["chosen"] == GOOD


def test_a_ranker_orders_items_and_the_rule_says_which_pairs():
    items = [{"id": "x", "body": "middling"}, {"id": "y", "html": BAD}, {"id": "z", "title": GOOD}]
    rank = annotation({"ranker": {"rank": ["z", "x", "y"]}}, "ranker", name="rank", to="results")
    row = task(rank, data={"question": "What now?", "items": items})
    pairs, _ = read(row)
    assert [(p["chosen"], p["rejected"], p["side"]) for _, p in pairs] == [
        ("middling", BAD, "first"),
        (GOOD, "middling", "second"),
        (GOOD, BAD, "second"),
    ]
    assert len({pair["id"] for _, pair in pairs}) == 3
    [(_, best)], _ = read(row, pair_rule="best_worst")
    assert (best["chosen"], best["rejected"]) == (GOOD, BAD)
    rank["result"][0]["value"]["ranker"] = ["z", "x", "y"]
    assert len(read(row)[0]) == 3


def test_buckets_have_no_order():
    items = [{"id": "x", "body": GOOD}, {"id": "y", "body": BAD}]
    rank = annotation({"ranker": {"kept": ["x"], "cut": ["y"]}}, "ranker", name="rank")
    with pytest.raises(LensError, match="`rank` says"):
        read(task(rank, data={"question": "What now?", "items": items}))


def test_several_controls_are_refused_until_one_is_named():
    both = picks("right", name="helpful")
    both["result"] += picks("left", name="harmless")["result"]
    with pytest.raises(LensError, match=r"`helpful`, `harmless`.*\"preference\": \"helpful\""):
        read(task(both))
    pair, report = only(task(both), columns={"preference": "harmless"})
    assert pair["chosen"] == BAD
    assert report.unread == ["helpful"]


def test_answers_with_names_of_their_own_are_asked_for():
    data = {"question": "What now?", "gpt": BAD, "llama": GOOD}
    row = task(picks("right"), data=data)
    with pytest.raises(
        LensError,
        match=r"lens check data f --columns '\{.response_a.: .gpt., .response_b.: .llama.",
    ):
        read(row)
    pair, _ = only(row, columns={"response_a": "gpt", "response_b": "llama"})
    assert (pair["chosen"], pair["prompt"]) == (GOOD, "What now?")


def test_an_export_without_annotations_says_so():
    with pytest.raises(LensError, match="2 tasks, and none has a submitted annotation"):
        read(task(), task(picks("left", was_cancelled=True), number=2))


def test_json_min_has_a_row_for_each_annotation():
    right, left = [{"selected": "right"}], [{"selected": "left"}]
    rows = [flat(1, right, 1), flat(2, right, 1), flat(1, right, 2), flat(1, left, 3)]
    pairs, report = read(*rows)
    assert [(p["id"], p["votes_for"], p["votes_against"]) for _, p in pairs] == [
        (1, 2, 1),
        (2, 1, 0),
    ]
    assert report.judgements == {"annotators": 3, "votes": 4}
    del rows[3]["pw"]  # an empty submission
    assert read(*rows)[0][0][1]["votes_against"] == 0


@pytest.mark.parametrize("said", ['[{"selected": "right"}]', "right", "answer2"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_csv_as_label_studio_and_people_write_it(tmp_path, said, suffix):
    rows = [flat(1, said, 1), flat(2, said, 1), flat(2, said, 2)]
    path = tmp_path / f"export{suffix}"
    with path.open("w", newline="") as file:
        mark = "\t" if suffix == ".tsv" else ","
        writer = csv.DictWriter(file, sorted(rows[0]), delimiter=mark, quoting=csv.QUOTE_NONNUMERIC)
        writer.writeheader()
        writer.writerows(rows)
    pairs, report = to_pairs(read_rows(path))
    assert [(p["chosen"], p["votes_for"]) for _, p in pairs] == [(GOOD, 1), (GOOD, 2)]
    table, _ = normalise_pairs(pairs)
    assert list(table["id"]) == ["1", "2"]
    assert not report.unread


def test_a_ranker_in_csv(tmp_path):
    items = json.dumps([{"id": "x", "body": BAD}, {"id": "y", "body": GOOD}])
    row = flat(1, '[{"ranker": ["y", "x"]}]', 1) | {"items": items}
    del row["answer1"], row["answer2"]
    assert only(row)[0]["chosen"] == GOOD


def test_tables_with_an_annotator_are_no_export_without_a_control():
    rows = [{"prompt": "p", "chosen": GOOD, "rejected": BAD, "annotator": "x"}]
    assert read(*rows)[1].form == "pair"
    rated = [
        {"prompt": "p", "response": r, "rating": n, "annotator": "x"}
        for r, n in ((GOOD, 2), (BAD, 1))
    ]
    assert read(*rated)[1].form == "rated_rows"


def test_what_annotators_words_mean_is_counted():
    _, report = read(task(picks("right"), picks("left", by=2)), task(picks("right"), number=2))
    assert report.meanings == {
        "right": {"means": "`answer2` is better", "rows": 2},
        "left": {"means": "`answer1` is better", "rows": 1},
    }


@pytest.mark.parametrize(
    ("ends", "better"), [("1_is_first_7_is_second", BAD), ("1_is_second_7_is_first", GOOD)]
)
def test_a_scale_about_both_answers_is_read_by_its_ends(ends, better):
    rows = [
        task(annotation({"rating": 2}, name="scale"), annotation({"rating": 4}, by=2, name="scale"))
    ]
    rows += [task(annotation({"rating": 6}, name="scale"), number=2)]
    with pytest.raises(LensError, match=rf"1 means `answer1`, 7 means.*{ends}"):
        read(*rows)
    pairs, report = read(*rows, columns={ends: "scale"}, graded=True)
    assert [pair["chosen"] for _, pair in pairs] == [better, {BAD: GOOD, GOOD: BAD}[better]]
    assert [pair["strength"] for _, pair in pairs] == pytest.approx([1.0, 2.0])
    assert (pairs[0][1]["scale"], pairs[0][1]["votes_tied"]) == (3, 1)
    meanings = {value: report.meanings[value]["means"] for value in "246"}
    first = {BAD: "answer2", GOOD: "answer1"}[better]
    other = {"answer1": "answer2", "answer2": "answer1"}[first]
    assert meanings == {"2": f"`{other}` is better", "4": "a tie", "6": f"`{first}` is better"}


def test_numbers_of_several_annotators_in_a_table_are_votes():
    """Two of three rate `answer2` higher; all rate `answer1` alike."""
    rows = [
        {n: v for n, v in flat(1, None, who).items() if n != "pw"}
        | {"rating_1": "3", "rating_2": rating}
        for who, rating in ((1, "5"), (2, "4"), (3, "1"))
    ]
    pair, _ = only(*rows)
    assert (pair["chosen"], pair["votes_for"], pair["votes_against"]) == (GOOD, 2, 1)
