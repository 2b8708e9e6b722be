"""Preferences with one response a row, or with two responses and a label."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lens.core.errors import LensError
from lens.data.forms import to_pairs, winning_side
from tests.helpers.forms import USER, numbered, read, said


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


@pytest.mark.slow
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
