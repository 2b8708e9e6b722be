"""Every form in which people keep preferences gives the pairs that it says, and counts the rest."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lens.core.errors import LensError
from lens.data.forms import compare, to_pairs, winning_side
from lens.data.pairs import normalise_pairs

HH = "\n\nHuman: Hi\n\nAssistant:"
USER = {"role": "user", "content": "Hi"}


def numbered(*rows):
    return [(f"f, row {number}", row) for number, row in enumerate(rows, 1)]


def said(text):
    return {"role": "assistant", "content": text}


def read(*rows, rule="all"):
    """The (chosen, rejected) texts in order, and the report."""
    pairs, report = to_pairs(numbered(*rows), pair_rule=rule)
    table, _ = normalise_pairs(pairs)
    return list(zip(table["chosen"], table["rejected"], strict=True)), report


def rated(texts, values, prompt="p"):
    return {"prompt": prompt, "responses": list(texts), "ratings": values}


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


def test_ranks_come_before_ratings():
    row = {"prompt": "p", "responses": ["a", "b"], "ratings": [1, 2], "ranks": [1, 2]}
    assert read(row)[0] == [("a", "b")]
    items = [{"text": "a", "rating": 1, "rank": 1}, {"text": "b", "rating": 2, "rank": 2}]
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
        {"text": "a", "reward": 9, "score": 1, "overall_score": 9},
        {"text": "b", "reward": 1, "score": 2, "overall_score": 1},
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


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=5).filter(lambda v: len(set(v)) > 1))
@pytest.mark.parametrize("rule", ["all", "adjacent"])
def test_ranks_and_negated_ratings_give_turned_pairs(rule, values):
    texts = [f"t{i}" for i in range(len(values))]
    as_ratings = read(rated(texts, values), rule=rule)[0]
    as_ranks = read({"prompt": "p", "responses": texts, "ranks": values}, rule=rule)[0]
    assert {(b, a) for a, b in as_ratings} == set(as_ranks)
    assert as_ratings != as_ranks


# One response a row


def test_rows_of_one_prompt_are_compared():
    rows = [
        {"id": "q", "prompt": "p", "response": "a", "rating": 1},
        {"id": "q", "prompt": "other", "response": "x", "rating": 5},
        {"id": "q", "prompt": "p", "response": "b", "rating": "2"},
        {"id": "q", "prompt": "p", "response": "c", "rating": 2},
    ]
    pairs, report = to_pairs(numbered(*rows))
    assert pairs == [
        ("f, row 3 over row 1", {"id": "3-1", "prompt": "p", "chosen": "b", "rejected": "a"}),
        ("f, row 4 over row 1", {"id": "4-1", "prompt": "p", "chosen": "c", "rejected": "a"}),
    ]
    assert (report.form, report.responses, report.ties) == ("rated_rows", 4, 1)
    assert report.prompts_without_pair == 1


@pytest.mark.parametrize(("yes", "no"), [(True, False), ("True", "False"), ("true", "false")])
def test_unpaired_preferences_with_message_lists(yes, no):
    rows = [
        {"prompt": [USER], "completion": [said("bad")], "label": no},
        {"prompt": [USER], "completion": [said("good")], "label": yes},
        {"prompt": [USER], "completion": [said("fine")], "label": yes},
    ]
    pairs, report = read(*rows)
    assert pairs == [("good", "bad"), ("fine", "bad")]
    assert report.ties == 1


def test_prompts_with_one_response_each_make_no_pair():
    rows = [{"prompt": f"p{i}", "response": "a", "score": i} for i in range(3)]
    with pytest.raises(LensError, match=r"rated_rows: no prompt has two responses.*3 responses"):
        to_pairs(numbered(*rows))


# Two responses and a label


@pytest.mark.parametrize(
    ("first", "second", "label", "value"),
    [
        ("response_a", "response_b", "winner", "b"),
        ("response_a", "response_b", "winner", "model_b"),
        ("response_a", "response_b", "preferred", " Response B "),
        ("answer_A", "answer_B", "better", "B"),
        ("answer_A", "answer_B", "better", "answer_b"),
        ("response_0", "response_1", "better_response_id", 1),
        ("response_0", "response_1", "better_response_id", 1.0),
        ("response1", "response2", "label", "2"),
        ("completion-1", "completion-2", "choice", "2.0"),
    ],
)
def test_labels_name_a_side(first, second, label, value):
    row = {"prompt": "p", "model_a": "m", "model_b": "n", first: "x", second: "y", label: value}
    pairs, report = read(row)
    assert pairs == [("y", "x")]
    assert report.form == "labelled_pair"
    assert report.description.startswith(f"`{label}` says which of `{first}` and `{second}`")


@pytest.mark.parametrize(
    "tie", ["tie", "Tie (bothbad)", "tie (both bad)", "same", "equal", "both", "neither", "draw"]
)
def test_ties_are_dropped_and_counted(tie):
    rows = [{"prompt": "p", "response_a": "x", "response_b": "y", "winner": w} for w in ("a", tie)]
    pairs, report = read(*rows)
    assert pairs == [("x", "y")]
    assert (report.ties, report.responses) == (1, 4)
    with pytest.raises(LensError, match="2 responses, 0 unrated, 1 ties"):
        read(rows[1])


@pytest.mark.parametrize("value", [-1, "-1", 0, 1, "1", True, None, math.nan, "", "c", "model_c"])
def test_other_labels_stop(value):
    row = {"prompt": "p", "response_a": "x", "response_b": "y", "winner": value}
    with pytest.raises(LensError, match=r"f, row 1: `winner` is .*'response_a' or 'response_b'"):
        read(row)


def test_a_number_counts_only_where_it_is_a_suffix():
    sides = ("response1", "response2")
    assert [winning_side(value, sides, "x") for value in (1, "2")] == [0, 1]
    for value in (0, -1, 3, 1.5, True):
        with pytest.raises(LensError):
            winning_side(value, sides, "x")


def test_whole_conversations_with_a_label():
    row = {
        "conversation_a": [USER, said("x")],
        "conversation_b": [USER, said("y")],
        "model_a": "m",
        "model_b": "n",
        "winner": "model_a",
    }
    pairs, report = read(row)
    assert pairs == [("x", "y")]
    assert report.unread == ["model_a", "model_b"]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b", "tie", "model_a", "response_b"]), min_size=1).filter(
        lambda labels: set(labels) != {"tie"}
    )
)
def test_swapping_sides_and_labels_changes_nothing(labels):
    swap = {"a": "b", "b": "a", "tie": "tie", "model_a": "model_b", "response_b": "response_a"}
    rows = [
        {"prompt": f"p{i}", "response_a": "x", "response_b": "y", "winner": label}
        for i, label in enumerate(labels)
    ]
    swapped = [
        row | {"response_a": "y", "response_b": "x", "winner": swap[row["winner"]]} for row in rows
    ]
    (pairs, report), (others, other_report) = read(*rows), read(*swapped)
    assert pairs == others
    assert report == other_report
    assert report.ties == labels.count("tie")


# What stops


MIXED = "One file holds one form"
BAD = {
    "no rows": ([], "no rows"),
    "no form": ([{"prompt": "p", "winner": "a", "rejected": "b"}], r"f, row 1: .*fit no form.*`ch"),
    "three sides": ([{"prompt": "p", "winner": 0} | {f"response_{i}": "x" for i in "012"}], "fit"),
    "other form": (
        [{"prompt": "p", "chosen": "a", "rejected": "b"}, rated("ab", [1, 2])],
        rf"f, row 2: this row is lists .*first one pair .*{MIXED}",
    ),
    "other columns": (
        [rated("ab", [1, 2]), {"prompt": "p", "responses": ["a"], "ranks": [1]}],
        rf"f, row 2: .*{MIXED}",
    ),
    "unequal lists": ([rated("ab", [1])], "f, row 1: `ratings` has 1 values for 2 responses"),
    "no number": ([rated("ab", [1, "4,5"])], "f, row 1: `ratings` is '4,5', not a number"),
    "no list": ([rated("ab", 3)], "f, row 1: `ratings` must be a list, not int"),
    "no JSON": ([rated("ab", "good")], "f, row 1: `ratings` must be a list; as text it is no JSON"),
    "rank 0": (
        [{"prompt": "p", "responses": ["a", "b"], "ranks": [0, 1]}],
        r"f, row 1: `ranks` is \[0, 1\]: ranks start at 1",
    ),
    "no rating": ([{"prompt": "p", "answers": [{"answer": "x"}]}], "f, row 1: each response in"),
    "no text": ([{"prompt": "p", "answers": [{"score": 1}]}], "f, row 1: each response in"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_stops_with_its_place(name):
    rows, message = BAD[name]
    with pytest.raises(LensError, match=message):
        to_pairs(numbered(*rows))


def test_an_unknown_rule_stops():
    with pytest.raises(LensError, match=r"no rule 'some'.*best_worst"):
        to_pairs(numbered(rated("ab", [1, 2])), pair_rule="some")
