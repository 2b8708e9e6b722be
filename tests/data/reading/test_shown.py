"""A column that says in which order answers were shown: a label may go by it, or not."""

import json
import re

import pytest

from lens.core.errors import LensError
from tests.helpers.labelled_rows import judged
from tests.helpers.pair_rows import read

COLUMN = re.compile(r"--columns '(.*?)'")


def winners(rows, columns=None):
    return [text.split()[0] for text in read(*rows, columns=columns)[0]["chosen"]]


def beside(values, name, label="winner", said=("a", "b"), **more):
    rows = judged("letters", label, *said)
    rows = [row | {name: value} for row, value in zip(rows, values, strict=True)]
    return [row | more for row in rows]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("swapped", [True, False]),
        ("is_swapped", [1, 0]),
        ("Flipped?", ["yes", "no"]),
        ("position_swap", ["swapped", "original"]),
        ("presented_order", ["ba", "ab"]),
        ("order", ["B, A", "A, B"]),
        ("display order", ["b then a", "a then b"]),
        ("ab_order", ["b_first", "a_first"]),
        ("order_shown", [["response_b", "response_a"], ["response_a", "response_b"]]),
        ("shown_first", ["B", "A"]),
        ("left", ["response_b", "response_a"]),
        ("left_model", ["llama", "gpt"]),
    ],
)
def test_the_user_says_whether_a_label_goes_by_the_order_shown(name, values):
    rows = beside(values, name, model_a="gpt", model_b="llama")
    with pytest.raises(LensError, match="1 of 2 rows were shown the other way round") as error:
        read(*rows)
    shown, stored = map(json.loads, COLUMN.findall(str(error.value)))
    assert winners(rows, shown) == ["second", "second"]
    assert winners(rows, stored) == ["first", "second"]
    assert read(*rows, columns=shown)[1].columns["label"] == "winner"


def test_ties_and_scores_go_by_the_order_shown_too():
    rows = beside([True, True], "swapped", said=("tie", "b"))
    assert winners(rows, {"swapped": "swapped"}) == ["first"]
    rows = [row | {"score_a": 3, "score_b": 1} for row in beside([True, False], "swapped", "id")]
    assert winners(rows, {"swapped": "swapped"}) == ["second", "first"]


def test_the_side_of_an_answer_is_where_it_was_shown():
    """Both rows say A; the first one's answers were shown the other way round."""
    rows = beside([True, False], "swapped", said=("a", "a"))
    for columns in ({"swapped": "swapped"}, {"swapped": ""}):
        assert list(read(*rows, columns=columns)[0]["side"]) == ["first", "first"]
    told = beside([True, True], "swapped", said=("a", "b"))
    assert list(read(*told, columns={"swapped": "swapped"})[0]["side"]) == ["first", "second"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("swapped", [False, False]),
        ("swapped", [None, None]),
        ("order", ["A, B", "A, B"]),
        ("order", [17, 18]),
        ("preference_order", ["B > A", "A > B"]),
        ("work order", ["ba1", "ab2"]),
    ],
)
def test_what_tells_of_no_other_order_is_left_aside(name, values):
    assert winners(beside(values, name)) == ["first", "second"]


def test_a_named_column_that_tells_no_order_is_refused():
    with pytest.raises(LensError, match=r"row 2: `swapped` is 'perhaps'.*Look at it: "):
        read(*beside([True, "perhaps"], "mixed"), columns={"swapped": "mixed"})
