"""What a refusal tells people to do: commands that lead on and never turn a label round."""

import json
import re
import shlex

import pytest

from lens.core.errors import LensError
from tests.helpers.labelled_rows import judged
from tests.helpers.pair_rows import read


def commands(message):
    """The --columns of all commands that a message prints."""
    found = re.findall(r"lens check data .*?--columns ('[^']*')", message)
    return [json.loads(shlex.split(each)[0]) for each in found]


def refusal(rows, columns=None):
    with pytest.raises(LensError) as error:
        read(*rows, columns=columns)
    return str(error.value)


def winners(rows, columns=None):
    table, _ = read(*rows, columns=columns)
    return [text.split()[0] for text in table["chosen"]]


@pytest.mark.parametrize(
    ("label", "values", "asked"),
    [
        ("opinion", ["a", "b"], "opinion"),
        ("Which one?", ["Response A", "B"], "Which one?"),
        ("likert", [1, 7], "likert"),
        ("b_is_worse", [True, False], "b_is_worse"),
        ("loser", ["b", "a"], "COLUMN"),
        ("worse", ["response_b", "response_a"], "COLUMN"),
    ],
)
def test_of_two_answers_the_label_is_asked_for_and_never_taken_from_their_order(
    label, values, asked
):
    assert commands(refusal(judged("letters", label, *values))) == [{"winner": asked}]


@pytest.mark.parametrize("more", [{"person_1": "a", "person_2": "a"}, {"remark": "w " * 40}])
def test_no_column_is_offered_as_the_label_that_may_be_none(more):
    rows = [row | more for row in judged("letters", "id", 1, 2)]
    assert commands(refusal(rows)) == [{"winner": "COLUMN"}]


def test_of_one_answer_a_row_the_rating_is_asked_for():
    rows = [{"prompt": "q", "response": f"r {word}", "thumbs": word} for word in ("up", "down")]
    assert commands(refusal(rows)) == [{"rating": "thumbs"}]


@pytest.mark.parametrize("names", [("gpt", "llama"), ("response_j", "response_k"), ("old", "new")])
def test_texts_of_unknown_kind_are_not_offered_as_better_and_worse(names):
    rows = [dict.fromkeys(names, f"text {i}") | {"prompt": f"q{i}"} for i in range(2)]
    assert commands(refusal(rows)) == [
        {"prompt": "prompt", "chosen": "BETTER", "rejected": "WORSE"}
    ]
