"""Columns that look like something else: names for answers, ties beside them, lost prompt parts."""

import json

import pytest

from lens.advice.own_pairs import read_pairs
from lens.core.errors import LensError

GOOD = ["Rinse it well, then let it dry.", "Oil it twice a year, in the shade."]
BAD = ["I do not know that.", "No idea about this one."]


def rows(make, count=4):
    return [make(i) | {"id": str(i)} for i in range(count)]


def good(i):
    return f"{GOOD[i % 2]} ({i})"


def bad(i):
    return f"{BAD[i % 2]} ({i})"


def sides(first, second):
    """Rows whose better answer stands first in every other row."""

    def make(i):
        better = i % 2 == 0
        return {
            "prompt": f"How is thing {i} cleaned?",
            first: good(i) if better else bad(i),
            second: bad(i) if better else good(i),
        }

    return make


def pair(i, **more):
    return {"prompt": f"How is thing {i} cleaned?", "chosen": good(i), "rejected": bad(i)} | more


def prompt_of(pairs, at=0):
    turns = json.loads(pairs.table.prompt[at])
    return [(turn["role"], turn["content"]) for turn in turns]


NAMES = [
    ("response_1", "response_2", "chosen", "rejected", "response_1", "response_2", {}),
    ("response_1", "response_2", "best", "worst", "Response 1", "Response 2", {}),
    ("response_1", "response_2", "preferred", "rejected", "A", "B", {}),
    ("A", "B", "chosen", "rejected", "A", "B", {}),
    (
        "response_a",
        "response_b",
        "winner",
        "loser",
        "gpt-4",
        "llama",
        {"model_a": "gpt-4", "model_b": "llama"},
    ),
]


@pytest.mark.parametrize(("first", "second", "good_name", "bad_name", "one", "two", "more"), NAMES)
def test_names_of_answers_are_labels(first, second, good_name, bad_name, one, two, more):
    def make(i):
        won, lost = (one, two) if i % 2 == 0 else (two, one)
        return sides(first, second)(i) | {good_name: won, bad_name: lost} | more

    table = read_pairs(rows(make)).table
    assert list(table.chosen) == [good(i) for i in range(4)]


def test_unknown_names_of_models_are_refused():
    make = sides("response_a", "response_b")
    with pytest.raises(LensError, match="must name a side"):
        read_pairs(rows(lambda i: make(i) | {"better": "gpt-4 turbo", "worse": "llama 7b"}))
