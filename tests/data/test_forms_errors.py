"""Files in no form that is known stop with their place."""

import pytest

from lens.core.errors import LensError
from lens.data.forms import to_pairs
from tests.helpers.forms import numbered, rated

MIXED = "One file holds one form"


BAD = {
    "no rows": ([], "no rows"),
    "no form": ([{"prompt": "p", "winner": "a", "rejected": "b"}], r"f, row 1: .*fit no form.*`ch"),
    "three sides": (
        [{"prompt": "p", "winner": "z"} | {f"response_{i}": "x" for i in "012"}],
        "a rating",
    ),
    "other form": (
        [{"prompt": "p", "chosen": "a", "rejected": "b"}, rated("ab", [1, 2])],
        rf"f, row 2: this row is lists .*first one pair .*{MIXED}",
    ),
    "other columns": (
        [rated("ab", [1, 2]), {"prompt": "p", "responses": ["a"], "ranks": [1]}],
        rf"f, row 2: .*{MIXED}",
    ),
    "unequal lists": ([rated("ab", [1])], "f, row 1: `ratings` has 1 values for 2 responses"),
    "no number": ([rated("ab", [1, "4,500"])], "f, row 1: `ratings` is '4,500', not a number"),
    "no list": ([rated("ab", 3)], "f, row 1: `ratings` must be a list, not int"),
    "no JSON": (
        [rated("ab", "good")],
        "f, row 1: `ratings` must be a list; as text it is not JSON",
    ),
    "rank 0": (
        [{"prompt": "p", "responses": ["a", "b"], "ranks": ranks} for ranks in ([0, 1], [1, 2])],
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
