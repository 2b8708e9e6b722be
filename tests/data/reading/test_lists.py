"""Several answers per row or thread: ratings, ranks and orders, next to the answers or inside."""

import json

import pytest

from lens.core.errors import LensError
from tests.helpers.listed_rows import ANSWERS, LISTS
from tests.helpers.pair_rows import read, user


def pairs_of(*rows, columns=None, rule="all"):
    table, form = read(*rows, columns=columns, rule=rule)
    return list(zip(table["chosen"], table["rejected"], strict=True)), form


@pytest.mark.parametrize("name", LISTS)
def test_lists_are_compared_by_what_their_values_are(name):
    found, form = pairs_of(LISTS[name])
    assert set(found) == {("good", "fair"), ("good", "bad"), ("fair", "bad")}
    assert form.responses == 3


def test_an_order_and_ranks_are_told_apart_by_one_row_that_can_be_but_one():
    rows = [
        {"prompt": "q", "responses": ANSWERS, "ranking": [3, 1, 2]},
        {"prompt": "r", "responses": ANSWERS, "ranking": [1, 1, 2]},
    ]
    with pytest.raises(LensError, match="may be ranks or an order"):
        pairs_of(rows[0])
    with pytest.raises(LensError, match="may be ranks or an order"):
        pairs_of(*rows)
    assert pairs_of(rows[0], columns={"ranks": "ranking"}, rule="best_worst")[0] == (
        [("fair", "bad")]
    )
    assert pairs_of(rows[0], columns={"order": "ranking"}, rule="best_worst")[0] == (
        [("good", "fair")]
    )


@pytest.mark.parametrize("order", [[1, 1, 2], [1, 2], [1, 2, 4], ["A", "B", "D"]])
def test_an_order_names_each_response_once(order):
    with pytest.raises(LensError, match="an order names each of the 3 responses once"):
        pairs_of({"prompt": "q", "responses": ANSWERS, "order": order})


def test_two_lists_are_refused_unless_lengths_tell_them_apart():
    row = {"prompt": "q", "answers": ["x", "y"], "outputs": ["a", "b"]}
    with pytest.raises(LensError, match=r'"candidates": "answers".*"candidates": "outputs"'):
        pairs_of(row)
    found, _ = pairs_of(row | {"outputs": ANSWERS, "ratings": [1, 1, 3]}, rule="best_worst")
    assert found == [("good", "bad")]


def test_two_listed_answers_may_have_a_label():
    row = {
        "info": {"id": "t", "post": "q", "title": "x y"},
        "summaries": [{"text": "bad", "policy": "a"}, {"text": "good", "policy": "b"}],
        "choice": 1,
    }
    table, form = read(row)
    assert (table["chosen"][0], table["rejected"][0]) == ("good", "bad")
    assert json.loads(table["prompt"][0]) == [user("q")]
    assert form.unread == ["info.id", "info.title"]


def test_web_comparisons_are_judged_by_their_scores():
    row = {
        "question": {"dataset": "d", "id": "i", "full_text": "q"},
        "quotes_0": {"title": ["t"], "extract": ["e"]},
        "answer_0": "bad",
        "score_0": -0.5,
        "quotes_1": {"title": ["t"], "extract": ["e"]},
        "answer_1": "good",
        "score_1": 0.5,
    }
    table, form = read(
        row, {**row, "question": row["question"] | {"full_text": "r"}, "score_1": -0.5}
    )
    assert table["chosen"].tolist() == ["good"]
    assert form.ties == 1


def flat(id, parent, text, role, rank=None):
    return {"message_id": id, "parent_id": parent, "text": text, "role": role, "rank": rank}


THREAD = [
    flat("1", None, "q", "prompter"),
    flat("2", "1", "bad", "assistant", 1.0),
    flat("3", "1", "good", "assistant", 0.0),
    flat("4", "3", "more", "prompter"),
    flat("5", "4", "well", "assistant", 0.0),
    flat("6", "4", "ill", "assistant", 2.0),
    flat("7", "4", "unranked", "assistant"),
]


def tree(message):
    replies = [tree(reply) for reply in THREAD if reply["parent_id"] == message["message_id"]]
    return message | {"replies": replies}


@pytest.mark.parametrize(
    "rows", [THREAD, [{"message_tree_id": "1", "prompt": tree(THREAD[0])}], [tree(THREAD[0])]]
)
def test_threads_make_a_prompt_of_each_path(rows):
    table, _ = read(*rows)
    assert list(zip(table["chosen"], table["rejected"], strict=True)) == (
        [("good", "bad"), ("well", "ill")]
    )
    assert [turn["content"] for turn in json.loads(table["prompt"][1])] == ["q", "good", "more"]


def test_ranks_of_one_answer_a_row_are_lower_for_better():
    rows = [{"prompt": "q", "text": text, "rank": rank} for text, rank in [("b", 1), ("a", 0)]]
    assert pairs_of(*rows)[0] == [("a", "b")]


def test_answers_to_one_question_in_other_contexts_are_not_compared():
    rows = [
        {"system": system, "prompt": "q", "response": response, "rating": rating}
        for system, response, rating in [("Be so.", "a", 1), ("Be so.", "b", 2), ("Be it.", "c", 3)]
    ]
    assert pairs_of(*rows)[0] == [("b", "a")]
