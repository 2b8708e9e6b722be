"""Every form in which people keep preferences gives the pairs that it says, and counts the rest."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lens.data.forms import compare, to_pairs
from lens.data.pairs import normalise_pairs
from tests.helpers.forms import HH, USER, numbered, rated, read, said

# Pairs


@pytest.mark.parametrize(
    ("row", "about"),
    [
        ({"prompt": "Hi", "chosen": "a", "rejected": "b"}, "the prompt is `prompt`"),
        ({"question": "Hi", "chosen": "a", "rejected": "b"}, "the prompt is `question`"),
        ({"prompt": HH, "chosen": "a", "rejected": "b"}, "the prompt is `prompt`"),
        (
            {"chosen": f"{HH} a", "rejected": f"{HH} b"},
            "the prompt is what both sides begin with",
        ),
        (
            {"chosen": [USER, said("a")], "rejected": [USER, said("b")]},
            "the prompt is what both sides begin with",
        ),
        (  # as in HuggingFaceH4/ultrafeedback_binarized
            {"prompt": "Hi", "chosen": [USER, said("a")], "rejected": [USER, said("b")]},
            "the prompt is what both sides begin with",
        ),
        (
            {"prompt": "Hi", "chosen": f"{HH} a", "rejected": f"{HH} b"},
            "the prompt is what both sides begin with",
        ),
        (
            {"prompt": [USER], "chosen": [said("a")], "rejected": [said("b")]},
            "the prompt is `prompt`",
        ),
        (
            {"context": "x", "prompt": "Hi", "chosen": "a", "rejected": "b"},
            "the prompt is `prompt`",
        ),
    ],
)
def test_pairs_pass_through_with_explicit_or_implicit_prompt(row, about):
    pairs, report = to_pairs(numbered(row))
    table, _ = normalise_pairs(pairs)
    assert table.loc[0, "prompt"] == '[{"role": "user", "content": "Hi"}]'
    assert (table.loc[0, "chosen"], table.loc[0, "rejected"]) == ("a", "b")
    assert report.form == "pair"
    assert report.description == f"`chosen` is preferred to `rejected`; {about}"
    assert report.responses == 2


@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [
        ("score_chosen", "score_rejected"),
        ("chosen_score", "rejected_score"),
        ("chosen-rating", "rejected-rating"),
        ("chosen_rating", "rejected_rating"),
    ],
)
def test_scores_beside_a_pair_tell_ties_and_contradictions(chosen, rejected):
    rows = [
        {"prompt": f"p{i}", "chosen": f"a{i}", "rejected": f"b{i}", chosen: high, rejected: low}
        for i, (high, low) in enumerate([(2, 1), (3, "3.0"), ("1", 2), (None, 1), (2, "N/A")])
    ]
    pairs, report = read(*rows)
    assert pairs == [("a0", "b0"), ("a2", "b2"), ("a3", "b3"), ("a4", "b4")]
    assert (report.ties, report.contradictions, report.responses) == (1, 1, 10)
    assert f"(ties told by `{chosen}` and `{rejected}`)" in report.description


def test_rows_keep_their_ids_and_places_and_unread_columns_are_named():
    rows = [("f, row 9", {"id": "x", "prompt": "p", "chosen": "a", "rejected": "b", "model": "m"})]
    pairs, report = to_pairs(rows)
    assert pairs == [("f, row 9", {"id": "x", "prompt": "p", "chosen": "a", "rejected": "b"})]
    assert report.unread == ["model"]


# Ratings and rankings in lists


def test_ultrafeedback_rows_work_unchanged():
    def completion(text, overall, fine):
        rating = {"helpfulness": {"Rating": "N/A", "Rationale": "r"}}
        return {
            "annotations": rating,
            "custom_system_prompt": "s",
            "model": "m",
            "principle": "honesty",
            "response": text,
            "critique": "c",
            "overall_score": overall,
            "fine-grained_score": fine,
        }

    good = [completion("a", 7.5, 1.0), completion("b", 9.0, 4.0), completion("c", "7.5", 5.0)]
    row = {"source": "s", "instruction": "p", "models": ["m"] * 3, "completions": good}
    empty = {"source": "s", "instruction": "q", "models": [], "completions": []}
    pairs, report = to_pairs(numbered(empty, empty, row))
    assert pairs == [
        (f"f, row 3, responses 2 over {j}", {"id": f"3-2-{j}", "prompt": "p", **texts})
        for j, texts in [
            (1, {"chosen": "b", "rejected": "a"}),
            (3, {"chosen": "b", "rejected": "c"}),
        ]
    ]
    assert (report.form, report.responses, report.ties) == ("ratings", 3, 1)
    assert report.prompts_without_pair == 2
    assert report.unread == ["models", "source"]
    assert report.description == (
        "`completions` (their `response`) are compared by `overall_score`, higher is better: "
        "every two responses that differ make a pair; the prompt is `instruction`"
    )
    assert report.overruled == (
        "In 1 of 3 rows (row 3) `fine-grained_score` orders the answers otherwise than "
        "`overall_score`, which counts, as the card of UltraFeedback has it."
    )


def test_nectar_rows_work_unchanged():
    answers = [
        {"answer": " worst", "model": "m", "rank": 3.0},
        {"answer": "best", "model": "m", "rank": 1.0},
        {"answer": "middle", "model": "m", "rank": 2.0},
    ]
    row = {"prompt": f"{HH} ", "answers": answers, "turns": 1, "source": ["x"]}
    pairs, report = read(row)
    assert pairs == [("best", "worst"), ("best", "middle"), ("middle", "worst")]
    assert report.form == "ranking"
    assert "`answers` (their `answer`) are compared by `rank`, 1 is best" in report.description


@pytest.mark.parametrize("name", ["ranks", "ranking"])
def test_ranks_in_a_list_are_lower_for_better(name):
    row = {"prompt": "p", "candidates": ["x", "y", "z"], name: [2, "1", 2]}
    pairs, report = read(row)
    assert pairs == [("y", "x"), ("y", "z")]
    assert (report.form, report.ties) == ("ranking", 1)


def test_ranks_come_before_ratings_that_agree():
    row = {"prompt": "p", "responses": ["a", "b"], "ratings": [2, 1], "ranks": [1, 2]}
    assert read(row)[0] == [("a", "b")]
    items = [{"text": "a", "rating": 2, "rank": 1}, {"text": "b", "rating": 1, "rank": 2}]
    assert read({"prompt": "p", "responses": items})[0] == [("a", "b")]


@pytest.mark.parametrize("missing", ["N/A", None, math.nan, "", " nan ", "None"])
def test_responses_without_a_rating_are_left_out_and_counted(missing):
    pairs, report = read(rated("abc", ["4", missing, "7.5"]))
    assert pairs == [("c", "a")]
    assert (report.responses, report.unrated, report.ties) == (3, 1, 0)


def test_lists_as_csv_and_data_frames_hold_them():
    row = {"prompt": "p", "responses": '["a", "b"]', "scores": "[1, 2]"}
    assert read(row)[0] == [("b", "a")]
    row = {"prompt": "p", "responses": np.array(["a", "b"], object), "scores": np.array([3.0, 2])}
    assert read(row)[0] == [("a", "b")]


def test_the_first_of_several_ratings_counts_and_is_named():
    items = [
        {"text": "a", "reward": 1, "score": 1, "overall_score": 1},
        {"text": "b", "reward": 9, "score": 2, "overall_score": 1},
    ]
    pairs, report = read({"prompt": "p", "responses": items})
    assert pairs == [("b", "a")]
    assert "compared by `score`" in report.description


def test_expanded_rows_have_ids_of_their_own():
    rows = [{"id": "x", **rated("ab", [1, 2])}, rated("ab", [1, 2], "q")]
    assert [pair["id"] for _, pair in to_pairs(numbered(*rows))[0]] == ["x-2-1", "2-2-1"]


RULE_CASES = [
    ("all", [(0, 1), (0, 2), (0, 3), (1, 3), (2, 3)], 1),
    ("adjacent", [(0, 1), (0, 2), (1, 3), (2, 3)], 1),
    ("best_worst", [(0, 3)], 0),
]


@pytest.mark.parametrize(("rule", "expected", "ties"), RULE_CASES)
def test_rules_by_hand(rule, expected, ties):
    assert compare([5, 4, 4, 1, None], rule) == (expected, ties)
    assert compare([2, 2], rule) == ([], 1)
    assert compare([2, None], rule) == ([], 0)


def test_best_worst_takes_the_first_of_each():
    assert compare([1, 3, 3, 1], "best_worst") == ([(1, 0)], 0)


VALUES = st.lists(st.none() | st.integers(1, 4), max_size=7)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(VALUES)
def test_the_number_of_pairs_follows_a_formula(values):
    sizes = [values.count(step) for step in range(1, 5)]
    present = [size for size in sizes if size]
    rated = sum(sizes)
    alike = sum(math.comb(size, 2) for size in sizes)
    pairs, ties = compare(values, "all")
    assert (len(pairs), ties) == (math.comb(rated, 2) - alike, alike)
    pairs, ties = compare(values, "adjacent")
    assert (len(pairs), ties) == (sum(a * b for a, b in pairwise(present)), alike)
    pairs, ties = compare(values, "best_worst")
    assert (len(pairs), ties) == (len(present) > 1, len(present) == 1 and rated > 1)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.permutations(range(5)), st.lists(st.integers(1, 3), min_size=5, max_size=5))
@pytest.mark.parametrize("name", ["ratings", "ranks"])
def test_the_order_of_responses_does_not_matter(name, order, values):
    if len(set(values)) == 1:
        return
    straight = {"prompt": "p", "responses": list("abcde"), name: values}
    mixed = {k: [straight[k][i] for i in order] for k in ("responses", name)} | {"prompt": "p"}
    for rule in ("all", "adjacent"):
        assert set(read(straight, rule=rule)[0]) == set(read(mixed, rule=rule)[0])


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=5).filter(lambda v: len(set(v)) > 1))
@pytest.mark.parametrize("rule", ["all", "adjacent"])
def test_ranks_and_negated_ratings_give_turned_pairs(rule, values):
    texts = [f"t{i}" for i in range(len(values))]
    as_ratings = read(rated(texts, values), rule=rule)[0]
    as_ranks = read({"prompt": "p", "responses": texts, "ranks": values}, rule=rule)[0]
    assert {(b, a) for a, b in as_ratings} == set(as_ranks)
    assert as_ratings != as_ranks
